package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Reload replaces the configuration without dropping a request: those under way
// finish under the former one. A configuration that cannot be used is refused,
// and the former one stays. Feeds whose part of it did not change go on; the
// addresses and the files of TLS cannot change.
func (r *Relay) Reload(ctx context.Context, cfg Config) error {
	if err := r.apply(ctx, cfg); err != nil {
		return fmt.Errorf("reload configuration: %w", err)
	}
	return nil
}

// apply makes the registry of a configuration the current one.
func (r *Relay) apply(ctx context.Context, cfg Config) error {
	cfg, err := cfg.complete()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errors.New("the relay is closed")
	}
	former := r.current.Load()
	first := former.projects == nil
	if !first {
		if err := changeable(&former.cfg, &cfg); err != nil {
			return err
		}
	}
	if err := listenable(cfg); err != nil {
		return err
	}
	files := append([]print{cfg.file}, cfg.prints()...)
	operators, err := newKeyring("operator_keys", cfg.OperatorKeys, cfg.OperatorKeysFrom)
	if err != nil {
		return err
	}
	s := succession{former: former, deps: r.deps}
	projects, err := s.projects(ctx, cfg.Projects)
	if err != nil {
		return errors.Join(err, s.undo())
	}
	for _, p := range projects {
		if err := p.feed.rotate(p.signed); err != nil { // a new feed, or one that signs as before
			r.deps.log.Error("keys not replaced", "project", p.Name, "error", err)
		}
	}
	next := newRegistry(cfg, projects)
	next.files, next.operators = files, operators
	r.limits.set(cfg.Limits)
	r.current.Store(next)
	r.retire(former, next)
	if !first {
		r.deps.log.Info("configuration replaced", "projects", len(projects), "feeds_started", len(s.started))
	}
	return nil
}

// changeable refuses what cannot change while the relay runs.
func changeable(from, to *Config) error {
	switch {
	case from.Listen != to.Listen || from.Admin != to.Admin:
		return errors.New("listen and admin cannot change while it runs: restart it")
	case from.TLS != to.TLS:
		return errors.New("the names of the TLS files cannot change while it runs: restart it")
	}
	return nil
}

// listenable refuses to let strangers read flags.
func listenable(cfg Config) error {
	if loopback(cfg.Listen) {
		return nil
	}
	for i := range cfg.Projects {
		if p := &cfg.Projects[i]; p.open() {
			return fmt.Errorf("listen on %s: anybody there could read the flags of project %s: set a relay key, or listen on 127.0.0.1", cfg.Listen, p.Name)
		}
	}
	return nil
}

// succession makes the projects of a configuration out of those before.
type succession struct {
	former  *registry
	deps    deps
	started []*feed
	paused  []*feed // others take over from them
}

func (s *succession) projects(ctx context.Context, of []Project) ([]*project, error) {
	projects := make([]*project, len(of))
	for i := range of {
		p, err := s.project(ctx, of[i])
		if err != nil {
			return nil, fmt.Errorf("project %s: %w", of[i].Name, err)
		}
		projects[i] = p
	}
	return projects, nil
}

func (s *succession) project(ctx context.Context, of Project) (*project, error) {
	p := &project{Project: of, proxy: newProxy(&of, s.deps)}
	var before *project // of the same token
	if before = s.former.byToken[of.Token]; before == nil {
		before = &project{}
	}
	var err error
	if p.keys, err = newKeyring("relay_keys", of.RelayKeys, of.RelayKeysFrom); err != nil {
		return nil, err
	}
	if p.remote, err = newRemote(&of, before.remote, s.deps); err != nil {
		return nil, err
	}
	if p.signed, err = of.signingKeys(); err != nil {
		return nil, err
	}
	source, err := of.supply()
	if err != nil {
		return nil, err
	}
	p.feed, err = s.feed(ctx, p, source, before.feed)
	return p, err
}

// feed is the one before, or one that takes over from it.
func (s *succession) feed(ctx context.Context, p *project, source supply, before *feed) (*feed, error) {
	switch {
	case before == nil:
	case before.of == source:
		return before, nil
	case before.of.host != source.host:
		before = nil // another PostHog
	default:
		before.pause()
		s.paused = append(s.paused, before)
	}
	f, err := startFeed(ctx, p.Name, source, p.signed, before, s.deps)
	if err == nil {
		s.started = append(s.started, f)
	}
	return f, err
}

// undo lets the former feeds go on.
func (s *succession) undo() error {
	for _, f := range s.paused {
		f.resume()
	}
	return closeAll(s.started)
}

// retire ends the feeds that the next registry does not use.
func (r *Relay) retire(former, next *registry) {
	used := next.feeds()
	unused := slices.DeleteFunc(former.feeds(), func(f *feed) bool { return slices.Contains(used, f) })
	if err := closeAll(unused); err != nil {
		r.deps.log.Warn("a feed did not end well", "error", err)
	}
}
