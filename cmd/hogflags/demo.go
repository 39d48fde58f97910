package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// demoProject is a made-up project with a flag of every kind.
//
//go:embed demo.json
var demoProject []byte

// How the demo is paced: it is watched by a person.
const (
	demoPoll    = 500 * time.Millisecond
	demoTimeout = 20 * time.Second
)

type demoCmd struct {
	Serve bool `help:"Keep the fake PostHog running until it is interrupted."`
	JSON  bool `help:"Print what happened as JSON."`
}

// Help is the longer text of --help.
func (*demoCmd) Help() string {
	return `Starts a fake PostHog with a project of 20 flags on the loopback interface, and a client that polls it. Ends by itself.

Exit codes:

    0  done
    2  the command line cannot be used
    4  the loopback interface cannot be used`
}

// demo is a fake PostHog and a client that follows it.
type demo struct {
	out      printer // the story as it unfolds
	server   *posthogtest.Server
	client   *hogflags.Client
	changes  chan hogflags.Change
	subjects []demoSubject
	report   demoReport
}

// Run tells the story: evaluate, edit, outage.
func (c *demoCmd) Run(ctx context.Context, std console) error {
	out := std.out
	if c.JSON {
		out = io.Discard
	}
	d, err := startDemo(ctx, out)
	if err != nil {
		return &stop{code: exitUpstream, err: err}
	}
	defer d.close()

	bounded, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	for _, step := range []func(context.Context) error{d.evaluate, d.edit, d.outage} {
		if err := step(bounded); err != nil {
			return &stop{code: exitUpstream, err: fmt.Errorf("run the demo: %w", err)}
		}
	}
	if c.JSON {
		if err := writeJSON(std.out, d.report); err != nil {
			return err
		}
	}
	d.next(c.Serve)
	if c.Serve {
		<-ctx.Done()
	}
	return d.out.err
}

func startDemo(ctx context.Context, out io.Writer) (*demo, error) {
	server, err := posthogtest.Start(posthogtest.Config{Definitions: demoProject})
	if err != nil {
		return nil, err
	}
	client, err := hogflags.New(ctx, hogflags.Config{
		Host: server.URL, ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey,
		HTTPClient: server.Client(), PollInterval: demoPoll,
	})
	if err != nil {
		server.Close()
		return nil, err
	}
	d := &demo{
		out: printer{w: out}, server: server, client: client, subjects: demoSubjects(),
		changes: make(chan hogflags.Change, 8),
		report:  demoReport{URL: server.URL},
	}
	client.OnChange(func(change hogflags.Change) {
		select {
		case d.changes <- change:
		default: // nobody reads on while the server is only served
		}
	})
	return d, nil
}

func (d *demo) close() {
	_ = d.client.Close() // nothing is kept on disk
	d.server.Close()
}

func (d *demo) say(format string, args ...any) { d.out.printf(format+"\n", args...) }

func (d *demo) evaluate(ctx context.Context) error {
	d.say("A fake PostHog serves a made-up project of 20 flags on %s.", d.server.URL)
	d.say("A hogflags client polls it every %v, and evaluates in this process.\n", demoPoll)
	if err := d.client.WaitUntilReady(ctx); err != nil {
		return err
	}
	answers, err := d.answers(ctx)
	if err != nil {
		return err
	}
	d.report.Answers = answers
	d.out.table("", d.table(answers))
	d.say("\n? cannot be decided from what is known here; PostHog's server would have to be asked.\n")
	return nil
}

// edit changes a flag as a person would in PostHog, and waits for the client
// to notice at its next poll.
func (d *demo) edit(ctx context.Context) error {
	const flag = "checkout-redesign"
	before, err := d.answers(ctx)
	if err != nil {
		return err
	}
	d.say("Somebody rolls %s out from 50 %% to 100 %%…", flag)
	start := time.Now()
	if err := d.server.SetRollout(flag, 100); err != nil {
		return err
	}
	if err := d.arrival(ctx, flag); err != nil {
		return err
	}
	arrived := time.Since(start).Round(time.Millisecond)
	after, err := d.answers(ctx)
	if err != nil {
		return err
	}
	d.report.Changes = d.differences(before, after)
	d.report.ArrivedMS = arrived.Milliseconds()
	d.say("…and %v later, at the next poll, the answers here are:\n", arrived)
	rows := [][]string{{"FLAG", "SUBJECT", "BEFORE", "AFTER"}}
	for _, c := range d.report.Changes {
		rows = append(rows, []string{c.Flag, c.Subject, demoText(c.Before), demoText(c.After)})
	}
	d.out.table("", rows)
	d.say("\n(checkout-upsell depends on %s, so it changes too.)\n", flag)
	return nil
}

// arrival waits until the client follows a definition of the flag other than
// its first one.
func (d *demo) arrival(ctx context.Context, flag string) error {
	for {
		select {
		case change := <-d.changes:
			if !change.Previous.IsZero() && slices.Contains(change.Keys, flag) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// outage lets the fake PostHog fail, and shows that evaluation goes on.
func (d *demo) outage(ctx context.Context) error {
	d.server.Fail(posthogtest.Failure{Status: http.StatusServiceUnavailable})
	d.say("Now PostHog is down:")
	d.say("  a reload says: %v", d.client.ReloadFeatureFlags(ctx))
	answers, err := d.answers(ctx)
	if err != nil {
		return err
	}
	decided := 0
	for _, answer := range answers[d.subjects[0].name] {
		if answer != nil {
			decided++
		}
	}
	status := d.client.Status()
	d.report.Outage = demoOutage{State: status.State.String(), Decided: decided}
	d.say("  the definitions are %s, and %d flags are decided for %s as before.", status.State, decided, d.subjects[0].name)

	d.server.Recover()
	if err := d.client.ReloadFeatureFlags(ctx); err != nil {
		return err
	}
	d.say("PostHog is back: the definitions are %s.\n", d.client.Status().State)
	return nil
}

// next says how to go on.
func (d *demo) next(serving bool) {
	if !serving {
		d.say("To go on: hogflags demo --serve keeps this PostHog running, for eval, explain and lint.")
		return
	}
	d.say("This PostHog goes on until Ctrl-C. In another terminal:\n")
	d.say("  export POSTHOG_HOST=%s POSTHOG_PROJECT_API_KEY=%s POSTHOG_SECRET_KEY=%s", d.server.URL, posthogtest.ProjectToken, posthogtest.SecretKey)
	d.say("  hogflags eval --distinct-id ada --person plan=pro --group company=bakery")
	d.say("  hogflags explain --distinct-id ada --flag checkout-upsell --person plan=pro")
	d.say("  hogflags lint")
}

// answers are the values by subject and flag; nil is inconclusive.
func (d *demo) answers(ctx context.Context) (map[string]map[string]any, error) {
	answers := map[string]map[string]any{}
	for _, s := range d.subjects {
		evaluations, err := d.client.EvaluateFlags(ctx, s.subject)
		if err != nil {
			return nil, err
		}
		answers[s.name] = map[string]any{}
		for _, key := range evaluations.Keys() {
			answers[s.name][key] = evaluations.Value(key)
		}
	}
	return answers, nil
}

func (d *demo) keys(answers map[string]map[string]any) []string {
	var keys []string
	for key := range answers[d.subjects[0].name] {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
