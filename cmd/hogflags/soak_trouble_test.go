package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// actors are those who act on the relay until their context ends.
func (s *soak) actors() []func(context.Context, *rand.Rand) {
	actors := []func(context.Context, *rand.Rand){s.edit, s.vary, s.reconfigure, s.refreshNowAndThen}
	for range 12 {
		actors = append(actors, s.visit)
	}
	for range 8 {
		actors = append(actors, s.subscribe)
	}
	return actors
}

// edit changes the flags.
func (s *soak) edit(ctx context.Context, rnd *rand.Rand) {
	for ctx.Err() == nil {
		pause(ctx, time.Duration(100+rnd.IntN(1500))*time.Millisecond)
		s.publish(rnd)
		s.count("edits")
	}
}

// vary makes PostHog better and worse.
func (s *soak) vary(ctx context.Context, rnd *rand.Rand) {
	for ctx.Err() == nil {
		s.up.mood.Store([]int32{0, 0, 10, 30, 100}[rnd.IntN(5)])
		pause(ctx, time.Duration(500+rnd.IntN(3000))*time.Millisecond)
	}
}

func (s *soak) refreshNowAndThen(ctx context.Context, rnd *rand.Rand) {
	for ctx.Err() == nil {
		pause(ctx, time.Duration(rnd.IntN(1500))*time.Millisecond)
		if err := s.refresh(); err != nil {
			s.complain("refresh: %v", err)
		}
		s.count("refreshes")
	}
}

// settings are what of the configuration changes.
type settings struct {
	interval string // 1s if empty
	file     bool   // there is a last-known-good file
	limits   bool
	second   bool // there is another project, whose key PostHog refuses
}

func (s *soak) goodConfig(of settings) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: 127.0.0.1:0\nadmin: localhost:0\noperator_keys: [%q]\n", relay.HashKey(soakOperator))
	if of.limits {
		b.WriteString("limits: {per_address: {per_second: 1000000}, per_key: {per_second: 1000000}}\n")
	}
	folder := filepath.Dir(s.config)
	fmt.Fprintf(&b, "projects:\n- name: soak\n  token: %s\n  host: %s\n  secret_key: {env: SOAK_SECRET_KEY}\n  relay_keys: [%q]\n",
		posthogtest.ProjectToken, s.up.URL, relay.HashKey(soakKey))
	if of.interval == "" {
		of.interval = "1s"
	}
	fmt.Fprintf(&b, "  poll_interval: %s\n", of.interval)
	switch s.store {
	case "sqlite":
		fmt.Fprintf(&b, "  cache: %q\n", "sqlite:"+filepath.Join(folder, "store.db"))
	case "memory":
		b.WriteString("  cache: 'memory:'\n")
	}
	if of.file {
		fmt.Fprintf(&b, "  last_known_good: %q\n", filepath.Join(folder, "last-known-good"))
	}
	if of.second {
		fmt.Fprintf(&b, "- {name: other, token: phc_other, host: %q, secret_key: {env: SOAK_SECRET_KEY}, relay_keys: [%q], optional: true}\n",
			s.up.URL, relay.HashKey("phs_of_another"))
	}
	return []byte(b.String())
}

// reconfigure replaces the configuration, by good ones and by bad ones.
func (s *soak) reconfigure(ctx context.Context, rnd *rand.Rand) {
	for ctx.Err() == nil {
		pause(ctx, time.Duration(500+rnd.IntN(2000))*time.Millisecond)
		of := settings{
			interval: []string{"1s", "1500ms", "2s"}[rnd.IntN(3)], file: rnd.IntN(2) == 0, limits: rnd.IntN(2) == 0, second: rnd.IntN(4) == 0,
		}
		body := s.goodConfig(of)
		name := "good configurations"
		if rnd.IntN(3) == 0 {
			name = "bad configurations"
			body = [][]byte{
				nil, body[:rnd.IntN(bytes.Index(body, []byte("secret_key")))], []byte("projects: []"), []byte("<html>"),
				append([]byte("unknown: 1\n"), body...), []byte(strings.Replace(string(body), "127.0.0.1:0", "127.0.0.1:1", 1)),
				[]byte(strings.Replace(string(body), "interval: 1", "interval: 0.0", 1)),
			}[rnd.IntN(7)]
		}
		if err := os.WriteFile(s.config, body, 0o600); err != nil {
			s.complain("write configuration: %v", err)
		}
		if rnd.IntN(4) > 0 {
			if err := s.process.Process.Signal(syscall.SIGHUP); err != nil {
				s.complain("SIGHUP: %v", err)
			}
		}
		s.count(name)
	}
	// What remains is a good one.
	if err := os.WriteFile(s.config, s.goodConfig(settings{}), 0o600); err != nil {
		s.complain("write configuration: %v", err)
	}
	_ = s.process.Process.Signal(syscall.SIGHUP)
}

// subscribe follows the changes of definitions, by either stream, for a while at
// a time.
func (s *soak) subscribe(ctx context.Context, rnd *rand.Rand) {
	last := ""
	for ctx.Err() == nil {
		d := time.Duration(rnd.IntN(4000)) * time.Millisecond
		if rnd.IntN(4) == 0 {
			d = time.Duration(rnd.IntN(30)) * time.Second
		}
		streaming, leave := context.WithTimeout(ctx, d)
		err := s.follow(streaming, rnd, &last)
		if err != nil && streaming.Err() == nil {
			s.complain("stream: %v", err)
		}
		if streaming.Err() == nil {
			s.count("streams that the relay ended")
		}
		leave()
		s.count("streams")
		pause(ctx, time.Duration(rnd.IntN(200))*time.Millisecond)
	}
}

// follow reads a stream until one side ends it.
func (s *soak) follow(ctx context.Context, rnd *rand.Rand, last *string) error {
	from := s.history.seen.Load()
	path := []string{"/hogflags/v1/changes", "/ofrep/v1/events?token=" + posthogtest.ProjectToken}[rnd.IntN(2)]
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+soakKey)
	if rnd.IntN(2) == 0 {
		req.Header.Set("Last-Event-ID", *last)
	} else {
		*last = ""
	}
	patient := &http.Client{Transport: s.web.Transport}
	resp, err := patient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	if rnd.IntN(8) == 0 {
		<-ctx.Done() // it takes nothing
		return nil
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		id, ok := strings.CutPrefix(lines.Text(), "id: ")
		if !ok {
			continue
		}
		if id == *last {
			return errors.New("a revision was told again")
		}
		r := s.history.find(id)
		if err := s.history.saw(r, from); err != nil {
			return err
		}
		*last, from = id, r.number
		s.count("changes told")
	}
	return nil // reading ends when the relay or ctx ends it
}
