package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

const (
	slowAnswer    = 250 * time.Millisecond // the operations of a lease are given up after 2 s
	clockSkew     = 5 * time.Second
	largeDocument = 10 << 20
)

// examination collects what is found.
type examination struct {
	store    flagcache.Store
	interval time.Duration
	record   flagcache.Record
	findings []flagcache.Finding
}

func (e *examination) add(check string, severity flagcache.Severity, fix, format string, args ...any) {
	e.findings = append(e.findings, flagcache.Finding{Check: check, Severity: severity, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// reach reads the record a few times: the first answer needs a connection.
func (e *examination) reach(ctx context.Context) error {
	const tries = 5
	best := time.Duration(-1)
	var skew time.Duration
	for range tries {
		bounded, cancel := context.WithTimeout(ctx, openTimeout)
		began := time.Now()
		rec, err := e.store.Record(bounded)
		took := time.Since(began)
		cancel()
		if err != nil {
			e.add("reach", flagcache.SeverityError, wayToReach(err), "%v", err)
			return err
		}
		if best < 0 || took < best {
			best = took
			skew = rec.Now.Sub(began.Add(took / 2)).Round(time.Millisecond)
		}
		e.record = rec
	}
	if best > slowAnswer {
		e.add("reach", flagcache.SeverityWarning, "move it closer: the operations of a lease are given up after 2 s", "answers in %v", best.Round(time.Millisecond))
	} else {
		e.add("reach", flagcache.SeverityOK, "", "answers in %v", best.Round(time.Microsecond))
	}
	if skew.Abs() > clockSkew {
		e.add("clocks", flagcache.SeverityWarning, "set both by NTP: leases do not depend on it, but the times that are shown do", "the store's clock is %v from this host's", skew)
	} else {
		e.add("clocks", flagcache.SeverityOK, "", "the store's clock is within %v of this host's", max(skew.Abs(), time.Millisecond))
	}
	return nil
}

// turnedAway reports whether an error says that there was nothing to talk to, or
// nobody who would.
func turnedAway(err error) bool {
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	text := strings.ToLower(fmt.Sprint(err))
	return strings.Contains(text, "wrongpass") || strings.Contains(text, "noauth") || strings.Contains(text, "failed to connect to")
}

// wayToReach is advice about an error of the first contact.
func wayToReach(err error) string {
	text := strings.ToLower(err.Error())
	for _, known := range []struct{ sign, way string }{
		{"connection refused", "check host and port, and whether the server runs"},
		{"actively refused", "check host and port, and whether the server runs"}, // Windows
		{"no such host", "check the host's name"},
		{"i/o timeout", "check the firewall between this host and the server"},
		{"deadline exceeded", "check the firewall between this host and the server, its load, and whether it speaks TLS as the URL says"},
		{"wrongpass", "check user and password"},
		{"noauth", "put user and password into the URL: redis://USER:PASSWORD@HOST"},
		{"noperm", "give this user the commands that docs/stores/redis.md lists"},
		{"password authentication", "check user and password"},
		{"create_table=true", "add create_table=true to the URL"},
		{"pay_per_request", "bill the table on demand, or raise its capacity"},
		{"allow this role", "allow what the message names"},
		{"check the credentials", "check credentials and clock"},
		{"get credentials", "give this process a role, or name a profile by AWS_PROFILE"},
		{"does not exist", "check the names of database and role"},
		{"permission denied", "GRANT SELECT, INSERT, UPDATE, DELETE on the tables to this user"},
		{"certificate", "check the host's name and the certificate; for one of your own authority add it to the system's"},
		{"first record does not look like a tls handshake", "the server speaks no TLS: redis:// in place of rediss://"},
		{"wrongtype", "something else uses this key: choose another database"},
		{"damaged", "nothing, if this was the first time: the leader stores it again"},
		{"newer version", "upgrade this process"},
	} {
		if strings.Contains(text, known.sign) {
			return known.way
		}
	}
	return "see the message"
}

// push waits for a watch to say that it listens.
func (e *examination) push(ctx context.Context) {
	w, ok := e.store.(flagcache.Watcher)
	if !ok {
		e.add("watch", flagcache.SeverityNote, "", "this store does not push: a change is noticed at the next look")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	began := time.Now()
	var after time.Duration
	err := w.Watch(ctx, func() {
		if after == 0 {
			after = time.Since(began)
		}
		cancel()
	})
	if after == 0 {
		e.add("watch", flagcache.SeverityWarning, "without it followers notice a change when they look, within 2 s", "a watch does not begin: %v", err)
		return
	}
	e.add("watch", flagcache.SeverityOK, "", "listens after %v", after.Round(time.Microsecond))
}

func (e *examination) lease() {
	r := e.record
	switch {
	case r.Live():
		e.add("leader", flagcache.SeverityOK, "", "%s%s, until %s", r.Lease.Holder, leadsSince(r), clock(r.Lease.Expires))
	case r.Lease.Epoch == 0:
		e.add("leader", flagcache.SeverityWarning, "start hogflags serve or a client with a key, or run hogflags sync", "nobody has ever led: PostHog is not asked")
	default:
		e.add("leader", flagcache.SeverityWarning, "start hogflags serve or a client with a key, unless hogflags sync writes this store", "nobody leads; the last was %s%s", r.Lease.Holder, leadsSince(r))
	}
	if f := r.Failure; f.Exists() {
		e.add("upstream", flagcache.SeverityWarning, "see the leader's log for what PostHog said", "PostHog could not be read (%s), %d in a row; not asked again before %s", f.Cause, f.Count, clock(f.NotBefore))
	}
	if p := r.Pin; p.Exists() {
		e.add("pin", flagcache.SeverityNote, "hogflags unpin, when the incident is over", "%s is served in place of the latest, by %s since %s: %s", p.Revision.Short(), p.By, clock(p.At), p.Why)
	}
	if r.Refused != nil {
		e.add("trust", flagcache.SeverityError, "check which keys sign and verify", "%v", r.Refused)
	}
}

// leadsSince reads the time from the epoch: it is the store's clock in
// microseconds when the lease was granted, and at most a second more.
func leadsSince(r flagcache.Record) string {
	since := time.UnixMicro(int64(r.Lease.Epoch)) // at most flagcache.MaxEpoch
	age := r.Now.Sub(since)
	if age < -2*time.Second || age > 5*365*24*time.Hour {
		return "" // an epoch that was only counted up
	}
	return ", since " + ago(age)
}

func (e *examination) entry(ctx context.Context) {
	h := e.record.Head
	if !h.Exists() {
		e.add("definitions", flagcache.SeverityWarning, "start a leader, or run hogflags sync", "none are stored")
		return
	}
	stored, err := e.store.Load(ctx)
	if err == nil {
		err = stored.Verify(e.store.Scope())
	}
	switch {
	case errors.Is(err, flagcache.ErrBadEntry), errors.Is(err, flagcache.ErrNotFound):
		e.add("definitions", flagcache.SeverityError, "remove what else writes there; the leader stores its document again", "unusable: %v", err)
		return
	case err != nil:
		e.add("definitions", flagcache.SeverityError, wayToReach(err), "%v", err)
		return
	}
	if size := len(stored.Body); size > largeDocument {
		e.add("definitions", flagcache.SeverityNote, "remove flags that nobody reads, and long lists in cohorts", "%s, %d MB: every process reads and compiles that at each edit", h.Revision.Short(), size>>20)
	} else {
		e.add("definitions", flagcache.SeverityOK, "", "%s, %d bytes", h.Revision.Short(), size)
	}
	switch age := e.record.Now.Sub(h.CheckedAt); {
	case h.CheckedAt.IsZero():
		e.add("age", flagcache.SeverityNote, "", "not known: another SDK stored them")
	case age > 3*e.interval:
		e.add("age", flagcache.SeverityWarning, "look at the leader, or run hogflags sync more often", "PostHog confirmed them %s", ago(age))
	default:
		e.add("age", flagcache.SeverityOK, "", "PostHog confirmed them %s", ago(age))
	}
}

// oneLine makes a message of a driver fit for a table.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
