package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hogflags/hogflags/internal/flagswire"
	"github.com/hogflags/hogflags/rules"
)

// asPostHogSaid checks an answer that had to come from PostHog: it is what
// PostHog said, or says that PostHog did not.
func (v *visitor) asPostHogSaid(r *reply) error {
	if len(r.said) == 0 {
		return fmt.Errorf("%d %.200q, but PostHog was not asked", r.status, r.body)
	}
	switch said := r.said[len(r.said)-1]; {
	case said.cut:
		if r.status != http.StatusServiceUnavailable || !strings.Contains(string(r.body), "temporarily unavailable") {
			return fmt.Errorf("%d %.200q, where PostHog cut the connection", r.status, r.body)
		}
	case said.broken:
		if !r.broken || r.status != said.status || !strings.HasPrefix(said.body, string(r.body)) {
			return fmt.Errorf("%d %.200q, where PostHog's answer %d broke off", r.status, r.body, said.status)
		}
	case r.broken || r.status != said.status || string(r.body) != said.body:
		return fmt.Errorf("%d %.200q, where PostHog said %d %.200q", r.status, r.body, said.status, said.body)
	}
	return nil
}

// flagsBody is an answer of POST /flags in version 2.
type flagsBody struct {
	Errors *bool                      `json:"errorsWhileComputingFlags"`
	Flags  map[string]json.RawMessage `json:"flags"`
}

// helped is what PostHog said of the flags that the relay asked for. It is nil
// if it said nothing that could be used; maybe is true if it came so late that
// the relay may not have waited for it.
func helped(r *reply) (body *flagsBody, maybe bool) {
	maybe = r.took >= remotePatience
	if len(r.said) == 0 {
		return nil, maybe
	}
	said := r.said[len(r.said)-1]
	if said.cut || said.broken || said.status != http.StatusOK || json.Unmarshal([]byte(said.body), &body) != nil || body == nil || body.Flags == nil {
		return nil, maybe
	}
	for _, raw := range body.Flags {
		var flag struct{ Enabled *bool }
		if json.Unmarshal(raw, &flag) != nil || flag.Enabled == nil {
			return nil, maybe
		}
	}
	return body, maybe
}

// checkFlags checks an answer that the relay had to make: for the keys or, if
// there are none, for all flags.
func (v *visitor) checkFlags(r *reply, subject *rules.Subject, keys []string) error {
	var got flagsBody
	if err := json.Unmarshal(r.body, &got); err != nil || r.status != http.StatusOK || got.Errors == nil {
		return fmt.Errorf("%d %.200q", r.status, r.body)
	}
	var version struct {
		Metadata struct{ Version int64 }
	}
	if err := json.Unmarshal(got.Flags[steady], &version); err != nil {
		return fmt.Errorf("the flag %s: %w in %.500s", steady, err, r.body)
	}
	served := v.history.get(version.Metadata.Version)
	if err := v.history.saw(served, r.from); err != nil {
		return err
	}
	help, late := helped(r)
	if keys == nil {
		for key := range served.keys {
			keys = append(keys, key)
		}
	}
	failed, open := false, 0
	for key, raw := range got.Flags {
		a := served.set.Evaluate(key, subject)
		want := flagswire.AppendFlag(nil, &a)
		isOpen := a.Status == rules.Inconclusive || a.Status == rules.NotFound
		if isOpen {
			open++
		}
		switch byPostHog := help != nil && help.Flags[key] != nil; {
		case isOpen && byPostHog && string(raw) == string(help.Flags[key]):
		case isOpen && byPostHog && !late:
			return fmt.Errorf("%s is %s, and PostHog said %s", key, raw, help.Flags[key])
		case string(raw) != string(want):
			return fmt.Errorf("%s is %s in revision %d, want %s", key, raw, served.number, want)
		case isOpen:
			failed = true
		}
	}
	for _, key := range keys {
		a := served.set.Evaluate(key, subject)
		if !flagswire.Listed(&a) || got.Flags[key] != nil {
			continue
		}
		if a.Status == rules.Decided || help == nil || help.Flags[key] != nil {
			return fmt.Errorf("%s is missing in revision %d, want %s", key, served.number, flagswire.AppendFlag(nil, &a))
		}
	}
	switch local := answered(r) == "local"; {
	case local && (open > 0 || len(r.said) > 0), !local && answered(r) != "merged":
		return fmt.Errorf("answered %s with %d open flags, and PostHog was asked %d times", answered(r), open, len(r.said))
	case *got.Errors != (failed || help != nil && help.Errors != nil && *help.Errors && !late):
		return fmt.Errorf("errorsWhileComputingFlags is %t: %.1000s", *got.Errors, r.body)
	}
	return nil
}

// ofrepFlag is OFREP's answer for one flag.
type ofrepFlag struct {
	Key       string
	Value     any
	Variant   string
	ErrorCode string
	Metadata  struct {
		Local    bool
		Revision string
	}
}

// ofrepContext is a subject as OpenFeature has it.
func ofrepContext(s *rules.Subject) string {
	context := map[string]any{"targetingKey": s.DistinctID}
	maps.Copy(context, s.PersonProperties)
	return encode(map[string]any{"context": context})
}

// askSingle asks for one flag as an OpenFeature client does.
func (v *visitor) askSingle(ctx context.Context) error {
	_, subject := v.subject()
	key := soakFlag(v.rnd.IntN(soakFlags))
	r, err := v.send(ctx, "POST", "/ofrep/v1/evaluate/flags/"+key, ofrepContext(&subject), "Authorization", "Bearer "+soakKey)
	if err != nil {
		return err
	}
	var got ofrepFlag
	if err := json.Unmarshal(r.body, &got); err != nil {
		return fmt.Errorf("%d %.200q", r.status, r.body)
	}
	if r.status == http.StatusOK && got.Metadata.Local {
		served := v.history.find(got.Metadata.Revision)
		if err := v.history.saw(served, r.from); err != nil {
			return err
		}
		if got.Key != key || answered(r) != "local" {
			return fmt.Errorf("answered %s for %s: %s", answered(r), key, r.body)
		}
		return checkOFREP(&got, served, &subject, nil, false)
	}
	// Only what no revision since decides may be anybody else's answer.
	if answered(r) != "merged" {
		return fmt.Errorf("%d %.200q, answered %s", r.status, r.body, answered(r))
	}
	var newest *revision
	for n := r.from; newest == nil; n++ {
		of := v.history.get(n)
		if of == nil {
			return fmt.Errorf("%d %.200q, but it is decided in every revision", r.status, r.body)
		}
		if a := of.set.Evaluate(key, &subject); a.Status != rules.Decided {
			newest = of
		}
	}
	help, late := helped(r)
	switch {
	case r.status == http.StatusOK:
		return checkOFREP(&got, newest, &subject, help, late)
	case r.status == http.StatusNotFound && got.ErrorCode == "FLAG_NOT_FOUND" && help != nil && help.Flags[key] == nil:
		return nil
	case r.status == http.StatusBadRequest && got.ErrorCode == "GENERAL" && (help == nil || late || help.Errors != nil && *help.Errors):
		return nil
	}
	return fmt.Errorf("%d %.200q, where PostHog said %v", r.status, r.body, r.said)
}

// checkOFREP checks the answer for one flag.
func checkOFREP(got *ofrepFlag, served *revision, subject *rules.Subject, help *flagsBody, late bool) error {
	a := served.set.Evaluate(got.Key, subject)
	enabled, variant := a.Enabled, a.Variant
	switch {
	case got.ErrorCode != "":
		if a.Status == rules.Decided || help != nil && help.Flags[got.Key] != nil && !late {
			return fmt.Errorf("%s is %s", got.Key, got.ErrorCode)
		}
		return nil
	case !got.Metadata.Local:
		if a.Status == rules.Decided {
			return fmt.Errorf("%s is PostHog's answer, but it is decided in revision %d", got.Key, served.number)
		}
		if help == nil || help.Flags[got.Key] == nil {
			return fmt.Errorf("%s is %v, which PostHog did not say", got.Key, got.Value)
		}
		var said struct {
			Enabled bool
			Variant string
		}
		if err := json.Unmarshal(help.Flags[got.Key], &said); err != nil {
			return err
		}
		enabled, variant = said.Enabled, said.Variant
	case a.Status != rules.Decided:
		return fmt.Errorf("%s is not decided in revision %d, but is %v", got.Key, served.number, got.Value)
	}
	// A flag with variants that is off has no value.
	var want any = enabled
	switch {
	case variant != "":
		want = variant
	case !enabled && got.Value == nil:
		want = nil
	}
	if got.Value != want || got.Variant != variant {
		return fmt.Errorf("%s is %v, variant %q, want %v, variant %q, in revision %d", got.Key, got.Value, got.Variant, want, variant, served.number)
	}
	return nil
}

// askBulk asks for all flags as an OpenFeature client does.
func (v *visitor) askBulk(ctx context.Context) error {
	number, subject := v.subject()
	header := []string{"Authorization", "Bearer " + soakKey}
	sent := v.bulk[number]
	if sent != "" {
		etag, _, _ := strings.Cut(sent, " ")
		header = append(header, "If-None-Match", etag)
	}
	r, err := v.send(ctx, "POST", "/ofrep/v1/evaluate/flags", ofrepContext(&subject), header...)
	if err != nil {
		return err
	}
	if r.status == http.StatusNotModified {
		_, id, ok := strings.Cut(sent, " ")
		if !ok {
			return errors.New("304 without a validator")
		}
		return v.history.saw(v.history.find(id), r.from)
	}
	var got struct {
		Flags    []ofrepFlag
		Metadata struct{ Revision string }
	}
	if err := json.Unmarshal(r.body, &got); err != nil || r.status != http.StatusOK {
		return fmt.Errorf("%d %.200q", r.status, r.body)
	}
	served := v.history.find(got.Metadata.Revision)
	if err := v.history.saw(served, r.from); err != nil {
		return err
	}
	help, late := helped(r)
	for i := range got.Flags {
		if err := checkOFREP(&got.Flags[i], served, &subject, help, late); err != nil {
			return err
		}
	}
	for key := range served.keys {
		if !slices.ContainsFunc(got.Flags, func(f ofrepFlag) bool { return f.Key == key }) {
			if a := served.set.Evaluate(key, &subject); a.Status == rules.Decided || help == nil || help.Flags[key] != nil {
				return fmt.Errorf("%s is missing in revision %d", key, served.number)
			}
		}
	}
	v.bulk[number] = r.header.Get("ETag") + " " + served.id
	return nil
}

// refresh has the relay ask PostHog now. If it could, it serves what PostHog
// served when it was asked.
func (s *soak) refresh() error {
	from := s.history.newest()
	req, err := http.NewRequest("POST", s.url+"/refresh?project=soak", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+soakOperator)
	seen := s.history.seen.Load()
	resp, err := s.web.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var got struct {
		Projects []struct{ Revision, Error string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || len(got.Projects) != 1 {
		return fmt.Errorf("%d %+v, %w", resp.StatusCode, got, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil // PostHog failed
	}
	served := s.history.find(got.Projects[0].Revision)
	if err := s.history.saw(served, seen); err != nil {
		return err
	}
	if served.number < from {
		return fmt.Errorf("serves revision %d, but PostHog had %d before", served.number, from)
	}
	return nil
}
