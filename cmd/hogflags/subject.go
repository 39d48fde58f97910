package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hogflags/hogflags/rules"
)

// question is what eval and explain share: whom to ask about, and what.
type question struct {
	source

	Flag            []string `sep:"none" placeholder:"KEY" help:"Only this flag; may be repeated."`
	DistinctID      *string  `name:"distinct-id" placeholder:"ID" help:"The subject."`
	DeviceID        string   `name:"device-id" placeholder:"ID" help:"Its device, for flags that are bucketed by device."`
	Person          []string `sep:"none" placeholder:"KEY=VALUE" help:"Person property; a VALUE that is JSON is taken as JSON, else as text. May be repeated."`
	PersonJSON      string   `name:"person-json" placeholder:"JSON" help:"Person properties as a JSON object; --person adds to them."`
	Group           []string `sep:"none" placeholder:"TYPE=KEY" help:"A group of the subject, as company=acme; may be repeated."`
	GroupProperties []string `sep:"none" placeholder:"TYPE.KEY=VALUE" help:"Group property, as company.plan=pro, or all as JSON: {\"company\":{…}}. May be repeated."`
	Complete        []string `placeholder:"person,…" help:"What is given whole, so that an absent property is missing and not unknown: person, group:TYPE."`
	Subjects        string   `placeholder:"FILE" help:"Many subjects, one JSON object a line; - is standard input."`
	Now             string   `placeholder:"TIME" help:"The instant of the evaluation (RFC 3339). Default: the clock."`
}

// line is a command line like the given one, with other arguments at its end.
func (q *question) line(arguments string) string {
	definitions, subject := cmp.Or(q.Definitions, "flags.json"), "user-1"
	if q.DistinctID != nil {
		subject = cmp.Or(*q.DistinctID, "''")
	}
	return fmt.Sprintf("--definitions %s --distinct-id %s %s", definitions, subject, arguments)
}

// rules are the compiled definitions, checked to have the flags that are asked for.
func (q *question) rules(ctx context.Context, std console) (*rules.Set, error) {
	if q.Definitions == "-" && q.Subjects == "-" {
		return nil, badInput("--definitions flags.json --subjects -", "--definitions and --subjects cannot both be standard input")
	}
	set, err := q.compile(ctx, std)
	if err != nil {
		return nil, err
	}
	keys := set.Keys()
	for _, key := range q.Flag {
		if slices.Contains(keys, key) {
			continue
		}
		if len(keys) == 0 {
			return nil, badInput("", "no flag %q: the definitions have no flags", key)
		}
		return nil, badInput(q.line("--flag "+nearest(key, keys)), "no flag %q among the %d of the definitions", key, len(keys))
	}
	return set, nil
}

// nearest is the key that shares the longest beginning with the wanted one.
func nearest(wanted string, keys []string) string {
	shared := func(key string) int {
		n := 0
		for n < min(len(key), len(wanted)) && key[n] == wanted[n] {
			n++
		}
		return n
	}
	return slices.MaxFunc(keys, func(a, b string) int { return shared(a) - shared(b) })
}

// frame is what all subjects of one command have in common.
func (q *question) frame() (rules.Subject, error) {
	frame := rules.Subject{Now: time.Now()}
	if q.Now != "" {
		now, err := time.Parse(time.RFC3339Nano, q.Now)
		if err != nil {
			return frame, badInput(q.line("--now 2026-11-21T12:00:00Z"), "--now %s: not an RFC 3339 time", q.Now)
		}
		frame.Now = now
	}
	for _, name := range q.Complete {
		group, isGroup := strings.CutPrefix(name, "group:")
		switch {
		case name == "person":
			frame.CompletePerson = true
		case isGroup && group != "":
			frame.CompleteGroups = append(frame.CompleteGroups, group)
		default:
			return frame, badInput(q.line("--complete person,group:company"), "--complete %s: neither person nor group:TYPE", name)
		}
	}
	return frame, nil
}

// subject is the one of --distinct-id.
func (q *question) subject() (rules.Subject, error) {
	subject, err := q.frame()
	if err != nil {
		return subject, err
	}
	subject.DistinctID, subject.DeviceID = *q.DistinctID, q.DeviceID
	if subject.PersonProperties, err = q.person(); err != nil {
		return subject, err
	}
	if subject.Groups, err = q.groups(); err != nil {
		return subject, err
	}
	subject.GroupProperties, err = q.groupProperties()
	return subject, err
}

func (q *question) person() (map[string]any, error) {
	properties := map[string]any{}
	if q.PersonJSON != "" {
		if err := unmarshal(q.PersonJSON, &properties); err != nil || properties == nil {
			return nil, badInput(q.line(`--person-json '{"plan":"pro"}'`), "--person-json %s: not a JSON object", abbreviate(q.PersonJSON, 40))
		}
	}
	for _, text := range q.Person {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, badInput(q.line("--person plan=pro"), "--person %q: not KEY=VALUE", text)
		}
		properties[key] = parseValue(value)
	}
	return properties, nil
}

func (q *question) groups() (map[string]any, error) {
	groups := map[string]any{}
	for _, text := range q.Group {
		name, key, ok := strings.Cut(text, "=")
		if !ok || name == "" || key == "" {
			return nil, badInput(q.line("--group company=acme"), "--group %q: not TYPE=KEY", text)
		}
		groups[name] = key
	}
	return groups, nil
}

func (q *question) groupProperties() (map[string]map[string]any, error) {
	properties := map[string]map[string]any{}
	for _, text := range q.GroupProperties {
		if strings.HasPrefix(text, "{") {
			if unmarshal(text, &properties) != nil {
				return nil, badInput(q.line(`--group-properties '{"company":{"plan":"pro"}}'`), "--group-properties %s: not a JSON object of objects", abbreviate(text, 40))
			}
			continue
		}
		path, value, ok := strings.Cut(text, "=")
		name, key, dotted := strings.Cut(path, ".")
		if !ok || !dotted || name == "" || key == "" {
			return nil, badInput(q.line("--group-properties company.plan=pro"), "--group-properties %q: not TYPE.KEY=VALUE", text)
		}
		if properties[name] == nil {
			properties[name] = map[string]any{}
		}
		properties[name][key] = parseValue(value)
	}
	return properties, nil
}

// parseValue takes JSON as JSON and everything else as text. Blanks around
// it make it text: nobody types them for nothing.
func parseValue(text string) any {
	var value any
	if strings.TrimSpace(text) != text || unmarshal(text, &value) != nil {
		return text
	}
	return value
}

// unmarshal is json.Unmarshal that keeps numbers as they are written: 1.0 is
// not 1.
func unmarshal(text string, into any) error {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON value")
	}
	return nil
}
