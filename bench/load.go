package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/rules"
)

// memory answers every request with the same body, without a network: both
// contenders load through it, so both pay for an HTTP request and for
// reading the body.
type memory []byte

func (m memory) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Content-Type": {"application/json"}},
		Body:    io.NopCloser(bytes.NewReader(m)),
		Request: req,
	}, nil
}

// hogflagsLoader goes from the wire to a set that answers, as the product does.
type hogflagsLoader struct{ api *posthogapi.Client }

func newHogflagsLoader(body []byte) (*hogflagsLoader, error) {
	api, err := posthogapi.New(posthogapi.Config{
		Host: "http://posthog.invalid", ProjectToken: "phc_bench", SecretKey: "phs_bench",
		HTTPClient: &http.Client{Transport: memory(body)},
	})
	if err != nil {
		return nil, fmt.Errorf("create client: %w", err)
	}
	return &hogflagsLoader{api}, nil
}

func (l *hogflagsLoader) load() (*rules.Set, error) {
	received, err := l.api.Definitions(context.Background(), "")
	if err != nil {
		return nil, err
	}
	defs, err := flagdef.Parse(received.Body)
	if err != nil {
		return nil, fmt.Errorf("parse definitions: %w", err)
	}
	return rules.Compile(defs, rules.Options{}), nil
}

// loadHogflags loads once.
func loadHogflags(body []byte) (*rules.Set, error) {
	l, err := newHogflagsLoader(body)
	if err != nil {
		return nil, err
	}
	return l.load()
}

// loading compares the way from the wire to a set that answers, and what
// stays in memory. The received bytes are not held by the benchmark: an
// evaluator that goes on referring to them is charged for them.
func loading(name string, body []byte, flags int) row {
	var client *posthogClient
	var loader *hogflagsLoader
	return row{
		name: name,
		hogflags: func(n int) error {
			if loader == nil {
				var err error
				if loader, err = newHogflagsLoader(body); err != nil {
					return err
				}
			}
			for range n {
				set, err := loader.load()
				if err != nil {
					return err
				}
				if set.Len() != flags {
					return fmt.Errorf("loaded %d flags of %d", set.Len(), flags)
				}
			}
			return nil
		},
		posthogGo: func(n int) error {
			if client == nil {
				var err error
				if client, err = newPosthogClient(body); err != nil {
					return err
				}
			}
			for range n {
				if err := client.reload(); err != nil {
					return err
				}
			}
			return client.loaded()
		},
		heap: func() (float64, float64, error) {
			if client != nil {
				client.close()
				client = nil
			}
			empty, err := newPosthogClient([]byte(`{"flags":[],"cohorts":{},"group_type_mapping":{}}`))
			if err != nil {
				return 0, 0, err
			}
			defer empty.close()
			before := heapInUse()
			set, err := loadHogflags(body)
			if err != nil {
				return 0, 0, err
			}
			withHogflags := heapInUse()
			runtime.KeepAlive(set)

			before2 := heapInUse()
			empty.serve(body)
			if err := errors.Join(empty.reload(), empty.loaded()); err != nil {
				return 0, 0, err
			}
			withPosthog := heapInUse()
			per := func(after, before uint64) float64 {
				return (float64(after) - float64(before)) / float64(flags)
			}
			return per(withHogflags, before), per(withPosthog, before2), nil
		},
	}
}
