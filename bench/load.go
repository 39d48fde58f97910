package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"

	"github.com/hogflags/hogflags/flagdef"
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

// loadHogflags goes from the wire to a set that answers.
func loadHogflags(body []byte) (*rules.Set, error) {
	client := http.Client{Transport: memory(body)}
	resp, err := client.Get("http://posthog.invalid/flags/definitions")
	if err != nil {
		return nil, fmt.Errorf("get definitions: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	received, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read definitions: %w", err)
	}
	defs, err := flagdef.Parse(received)
	if err != nil {
		return nil, fmt.Errorf("parse definitions: %w", err)
	}
	return rules.Compile(defs, rules.Options{}), nil
}

// loading compares the way from the wire to a set that answers, and what
// stays in memory. The received bytes are not held by the benchmark: an
// evaluator that goes on referring to them is charged for them.
func loading(name string, body []byte, flags int) row {
	var client *posthogClient
	return row{
		name: name,
		hogflags: func(n int) error {
			for range n {
				set, err := loadHogflags(body)
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
