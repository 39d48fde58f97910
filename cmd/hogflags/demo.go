package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// demoProject is a made-up project with a flag of every kind.
//
//go:embed demo.json
var demoProject []byte

const (
	demoClients = 5
	demoPoll    = time.Second      // of the whole fleet
	demoLease   = 12 * time.Second // as long as a fleet waits for a leader that was killed
	demoTimeout = 30 * time.Second
)

type demoCmd struct {
	Serve bool `help:"Keep the fake PostHog running until it is interrupted."`
	JSON  bool `help:"Print what happened as JSON."`
}

// Help is the longer text of --help.
func (*demoCmd) Help() string {
	return `Starts a fake PostHog with a project of 20 flags on the loopback interface, and a fleet of five clients that share one cache, of which one asks PostHog. Shows an edit, an outage and the death of that one. Ends by itself, after about 15 seconds.

Exit codes:

    0  done
    2  the command line cannot be used
    4  the loopback interface cannot be used`
}

// demo is a fake PostHog and a fleet that follows it.
type demo struct {
	out      printer // the story as it unfolds
	server   *posthogtest.Server
	fleet    *demoFleet
	began    time.Time
	killed   time.Time // when the leader was
	subjects []demoSubject
	report   demoReport
}

// Run tells the story: evaluate, edit, outage, a dead leader, the bill.
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
	for _, step := range []func(context.Context) error{d.evaluate, d.edit, d.outage, d.death} {
		if err := step(bounded); err != nil {
			return &stop{code: exitUpstream, err: fmt.Errorf("run the demo: %w", err)}
		}
	}
	d.bill()
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
	fleet, err := startDemoFleet(ctx, server)
	if err != nil {
		server.Close()
		return nil, err
	}
	return &demo{
		out: printer{w: out}, server: server, fleet: fleet, began: time.Now(),
		subjects: demoSubjects(), report: demoReport{URL: server.URL},
	}, nil
}

func (d *demo) close() {
	d.fleet.close()
	d.server.Close()
}

func (d *demo) say(format string, args ...any) { d.out.printf(format+"\n", args...) }

func (d *demo) evaluate(ctx context.Context) error {
	d.say("A fake PostHog serves a made-up project of 20 flags on %s.", d.server.URL)
	if err := d.fleet.ready(ctx); err != nil {
		return err
	}
	leader, err := d.leader()
	if err != nil {
		return err
	}
	d.report.Leader = leader.name
	d.say("%d clients, each as in a process of its own, share one cache. %s leads: it alone asks PostHog,", demoClients, leader.name)
	d.say("every %v. So far PostHog got %s. What a client answers:\n", demoPoll, requests(len(d.server.Requests())))
	answers, err := d.answers(ctx)
	if err != nil {
		return err
	}
	d.report.Answers = answers
	d.out.table("", d.table(answers))
	d.say("\n? cannot be decided from what is known here; PostHog's server would have to be asked.\n")
	return nil
}

const demoFlag = "checkout-redesign"

// edit changes a flag as a person would in PostHog, and waits until the whole
// fleet has it.
func (d *demo) edit(ctx context.Context) error {
	before, err := d.answers(ctx)
	if err != nil {
		return err
	}
	d.say("Somebody rolls %s out from 50 %% to 100 %%…", demoFlag)
	start := time.Now()
	if err := d.server.SetRollout(demoFlag, 100); err != nil {
		return err
	}
	first, last, err := d.fleet.arrive(ctx, demoFlag)
	if err != nil {
		return err
	}
	after, err := d.answers(ctx)
	if err != nil {
		return err
	}
	d.report.Changes = d.differences(before, after)
	d.report.ArrivedMS, d.report.SpreadMS = first.Sub(start).Milliseconds(), milliseconds(last.Sub(first))
	d.say("…%v later the leader sees it at its next poll, and %.1f ms after that all %d clients answer:\n",
		first.Sub(start).Round(time.Millisecond), d.report.SpreadMS, demoClients)
	rows := [][]string{{"FLAG", "SUBJECT", "BEFORE", "AFTER"}}
	for _, c := range d.report.Changes {
		rows = append(rows, []string{c.Flag, c.Subject, demoText(c.Before), demoText(c.After)})
	}
	d.out.table("", rows)
	d.say("\n(checkout-upsell depends on %s, so it changes too.)\n", demoFlag)
	return nil
}

// outage lets the fake PostHog fail, and shows that evaluation goes on.
func (d *demo) outage(ctx context.Context) error {
	leader, err := d.leader()
	if err != nil {
		return err
	}
	d.server.Fail(posthogtest.Failure{Status: http.StatusServiceUnavailable})
	if err := d.fleet.until(ctx, func(s hogflags.Status) bool { return s.State == loader.Stale }); err != nil {
		return err
	}
	d.say("Now PostHog is down:")
	d.say("  %s says: %v", leader.name, leader.client.Status().Cause)
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
	status := d.fleet.members[0].client.Status()
	d.report.Outage = demoOutage{State: status.State.String(), Decided: decided}
	d.say("  the definitions are %s, and %d flags are decided for %s as before.", status.State, decided, d.subjects[0].name)

	d.server.Recover()
	if err := d.fleet.until(ctx, func(s hogflags.Status) bool { return s.State == loader.Current }); err != nil {
		return err
	}
	d.say("PostHog is back: the definitions are %s.\n", d.fleet.members[0].client.Status().State)
	return nil
}

// death kills the leader and waits until another one has brought an edit.
func (d *demo) death(ctx context.Context) error {
	killed, err := d.leader()
	if err != nil {
		return err
	}
	d.fleet.kill(killed)
	d.killed = time.Now()
	sent := len(d.server.Requests())
	d.say("%s is killed. It gives nothing back, so its lease of %v has to run out; then another leads.", killed.name, demoLease)
	d.say("(One that is stopped gives it back, and another leads within 2 s.)")
	d.say("Meanwhile somebody switches %s off…", demoFlag)
	if err := d.server.SetActive(demoFlag, false); err != nil {
		return err
	}
	first, last, err := d.fleet.arrive(ctx, demoFlag)
	if err != nil {
		return err
	}
	leader, err := d.leader()
	if err != nil {
		return err
	}
	took := first.Sub(d.killed)
	d.report.Takeover = demoTakeover{Killed: killed.name, Leader: leader.name, MS: took.Milliseconds(), Requests: len(d.server.Requests()) - sent}
	d.say("…%v later %s has taken over with %s, and %.1f ms after that all %d clients have the edit.\n",
		took.Round(100*time.Millisecond), leader.name, requests(d.report.Takeover.Requests), milliseconds(last.Sub(first)), len(d.fleet.members))
	return nil
}

// bill compares the requests with those of clients without a cache: each would
// have asked at its start and then at every interval of its life.
func (d *demo) bill() {
	ran := time.Since(d.began)
	polls := func(life time.Duration) int { return 1 + int(life/demoPoll) }
	others, killed := polls(ran), polls(d.killed.Sub(d.began))
	d.report.Requests = demoRequests{Seconds: ran.Seconds(), Fleet: len(d.server.Requests()), Apart: (demoClients-1)*others + killed}
	d.say("In these %.1f s PostHog got %s from the fleet, and none while nobody led. %d ordinary SDKs, each of which polls",
		ran.Seconds(), requests(d.report.Requests.Fleet), demoClients)
	d.say("at its start and every %v of its life, would have sent %d × %d + %d = %d.\n", demoPoll, demoClients-1, others, killed, d.report.Requests.Apart)
}

func (d *demo) leader() (*demoMember, error) {
	leader := d.fleet.leader()
	if leader == nil {
		return nil, errors.New("nobody leads the fleet")
	}
	return leader, nil
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
		evaluations, err := d.fleet.members[0].client.EvaluateFlags(ctx, s.subject)
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
