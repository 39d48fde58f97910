package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/rules"
)

const (
	soakKey      = "phs_of_the_soaks_relay"
	soakOperator = "of_the_soaks_operator"

	// remotePatience is the relay's with PostHog, where it asks about flags.
	remotePatience = 5 * time.Second
)

// visitor is one client. It remembers validators, as clients do.
type visitor struct {
	*soak
	rnd         *rand.Rand
	definitions string           // an ETag
	revisions   map[string]int64 // of which definitions an ETag is
	bulk        map[int]string   // subject -> ETag
}

// visit asks one thing after another until ctx ends.
func (s *soak) visit(ctx context.Context, rnd *rand.Rand) {
	v := &visitor{soak: s, rnd: rnd, revisions: map[string]int64{}, bulk: map[int]string{}}
	asks := []struct {
		name string
		ask  func(context.Context) error
	}{
		{"definitions", v.askDefinitions}, {"flags by key", v.askKeys}, {"flags by key", v.askKeys}, {"all flags", v.askAll},
		{"all flags, as a page", v.askPage}, {"OFREP single", v.askSingle}, {"OFREP single", v.askSingle}, {"OFREP bulk", v.askBulk},
		{"passed through", v.passThrough}, {"health", v.askHealth}, {"refused", v.askInVain}, {"rude", v.beRude},
	}
	for ctx.Err() == nil {
		of := asks[rnd.IntN(len(asks))]
		if err := of.ask(context.WithoutCancel(ctx)); err != nil {
			s.complain("%s: %v", of.name, err)
		}
		s.count(of.name)
		pause(ctx, time.Duration(rnd.IntN(20))*time.Millisecond)
	}
}

// reply is an answer to a visitor.
type reply struct {
	status int
	header http.Header
	body   []byte
	broken bool // it broke off
	took   time.Duration
	from   int64     // what had been seen when it was asked for
	said   []outcome // what came of it at PostHog
}

func (v *visitor) send(ctx context.Context, method, path, body string, header ...string) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, v.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", v.rnd.Uint32(), v.rnd.IntN(1<<16), v.rnd.IntN(1<<12), v.rnd.IntN(1<<12), v.rnd.Int64N(1<<48))
	req.Header.Set("X-Request-Id", id)
	req.Header.Set("User-Agent", "posthog-node/5.0.0")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	r := &reply{from: v.history.seen.Load()}
	began := time.Now()
	resp, err := v.web.Do(req)
	r.took = time.Since(began)
	r.said = v.up.take(id)
	if last := len(r.said) - 1; errors.Is(err, io.EOF) && last >= 0 && r.said[last].broken {
		r.broken, r.status, r.header = true, r.said[last].status, http.Header{} // PostHog's answer broke off, and so does this
		return r, nil
	}
	if err != nil {
		return r, err
	}
	defer func() { _ = resp.Body.Close() }()
	r.body, err = io.ReadAll(resp.Body)
	r.status, r.header, r.broken = resp.StatusCode, resp.Header, err != nil
	// The relay's own requests are repeated once; a client's never are.
	if limit := map[bool]int{true: 2, false: 1}[answered(r) == "merged"]; method == http.MethodPost && len(r.said) > limit {
		return r, fmt.Errorf("%s reached PostHog %d times", path, len(r.said))
	}
	return r, nil
}

// subject is a person with properties, of which plan may not be known.
func (v *visitor) subject() (number int, s rules.Subject) {
	number = v.rnd.IntN(200)
	s.DistinctID = fmt.Sprintf("person-%d", number)
	s.PersonProperties = map[string]any{
		"seats": json.Number(fmt.Sprint(number)), "country": []string{"DE", "FR", "US"}[number%3],
	}
	if number%4 != 0 {
		s.PersonProperties["plan"] = []string{"free", "team", "business"}[number%5%3]
	}
	return number, s
}

func (v *visitor) keys() []string {
	keys := []string{steady}
	for range 1 + v.rnd.IntN(5) {
		keys = append(keys, soakFlag(v.rnd.IntN(soakFlags)))
	}
	return keys
}

func encode(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(body)
}

func (v *visitor) askDefinitions(ctx context.Context) error {
	header := []string{"Authorization", "Bearer " + soakKey}
	encoding := []string{"identity", "gzip", "zstd"}[v.rnd.IntN(3)]
	header = append(header, "Accept-Encoding", encoding)
	if v.rnd.IntN(2) == 0 && v.definitions != "" {
		header = append(header, "If-None-Match", v.definitions)
	}
	r, err := v.send(ctx, "GET", "/flags/definitions?send_cohorts&token="+posthogtest.ProjectToken, "", header...)
	if err != nil {
		return err
	}
	etag := r.header.Get("ETag")
	switch {
	case r.status == http.StatusNotModified && etag == v.definitions:
		return v.history.saw(v.history.get(v.revisions[etag]), r.from)
	case r.status != http.StatusOK || r.broken:
		return fmt.Errorf("%d %.200q", r.status, r.body)
	}
	body := io.Reader(bytes.NewReader(r.body))
	switch got := r.header.Get("Content-Encoding"); {
	case got == "gzip" && got == encoding:
		if body, err = gzip.NewReader(body); err != nil {
			return err
		}
	case got == "zstd" && got == encoding:
		z, err := zstd.NewReader(body)
		if err != nil {
			return err
		}
		defer z.Close()
		body = z
	case got != "" || encoding != "identity":
		return fmt.Errorf("encoded as %q, want %s", got, encoding)
	}
	plain, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	served := v.history.find(idOf(plain))
	if err := v.history.saw(served, r.from); err != nil {
		return err
	}
	v.definitions = etag
	v.revisions[etag] = served.number
	return nil
}

// askKeys asks for some flags, which the relay answers for as long as it has
// all of them.
func (v *visitor) askKeys(ctx context.Context) error {
	_, subject := v.subject()
	keys := v.keys()
	r, err := v.send(ctx, "POST", "/flags?v=2", encode(map[string]any{
		"token": posthogtest.ProjectToken, "distinct_id": subject.DistinctID, "person_properties": subject.PersonProperties,
		"flag_keys_to_evaluate": keys,
	}), "Content-Type", "application/json")
	if err != nil {
		return err
	}
	if answered(r) == "upstream" || r.broken || r.status == http.StatusServiceUnavailable {
		if !v.history.lacks(keys, r.from) {
			return errors.New("PostHog was asked for flags that the relay has")
		}
		return v.asPostHogSaid(r)
	}
	return v.checkFlags(r, &subject, keys)
}

// askAll asks for all flags as a server does, with a relay key.
func (v *visitor) askAll(ctx context.Context) error {
	_, subject := v.subject()
	r, err := v.send(ctx, "POST", "/flags/?v=2", encode(map[string]any{
		"token": posthogtest.ProjectToken, "distinct_id": subject.DistinctID, "person_properties": subject.PersonProperties,
	}), "Content-Type", "application/json", "Authorization", "Bearer "+soakKey)
	if err != nil {
		return err
	}
	return v.checkFlags(r, &subject, nil)
}

// askPage asks for all flags as a page does, which only PostHog can answer.
func (v *visitor) askPage(ctx context.Context) error {
	_, subject := v.subject()
	r, err := v.send(ctx, "POST", "/flags/?v=2", encode(map[string]any{
		"token": posthogtest.ProjectToken, "distinct_id": subject.DistinctID, "person_properties": subject.PersonProperties,
	}), "Content-Type", "application/json")
	if err != nil {
		return err
	}
	return v.asPostHogSaid(r)
}

// passThrough sends what the relay does not look into.
func (v *visitor) passThrough(ctx context.Context) error {
	var r *reply
	var err error
	switch v.rnd.IntN(3) {
	case 0:
		r, err = v.send(ctx, "POST", "/batch/", `{"batch":["`+strings.Repeat("x", v.rnd.IntN(1<<17))+`"]}`, "Content-Type", "application/json")
	case 1:
		r, err = v.send(ctx, "GET", "/static/array.js", "")
	default:
		r, err = v.send(ctx, "GET", "/api/projects/@current/feature_flags/"+steady+"/remote_config?token="+posthogtest.ProjectToken, "", "Authorization", "Bearer "+soakKey)
	}
	if err != nil {
		return err
	}
	return v.asPostHogSaid(r)
}

func (v *visitor) askHealth(ctx context.Context) error {
	for _, path := range []string{"/livez", "/readyz", "/status"} {
		req, err := http.NewRequestWithContext(ctx, "GET", v.ops+path, nil)
		if err != nil {
			return err
		}
		resp, err := v.web.Do(req)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case err != nil:
			return err
		case resp.StatusCode != http.StatusOK:
			return fmt.Errorf("%s: %d %s", path, resp.StatusCode, body)
		case path == "/status" && !json.Valid(body):
			return fmt.Errorf("%s is not JSON: %s", path, body)
		}
	}
	return nil
}

// askInVain asks for what it may not have.
func (v *visitor) askInVain(ctx context.Context) error {
	for _, ask := range [][]string{
		{"GET", "/flags/definitions?token=" + posthogtest.ProjectToken, "", "Authorization", "Bearer phs_wrong"},
		{"GET", "/hogflags/v1/changes", ""},
		{"POST", "/flags?v=2", `{"token":"phc_wrong","distinct_id":"x"}`},
		{"POST", "/ofrep/v1/evaluate/flags", `{"context":{"targetingKey":"x"}}`, "Authorization", "Bearer phs_wrong"},
		{"POST", "/refresh", "", "Authorization", "Bearer " + soakKey},
	} {
		r, err := v.send(ctx, ask[0], ask[1], ask[2], ask[3:]...)
		if err != nil {
			return err
		}
		if r.status != http.StatusUnauthorized {
			return fmt.Errorf("%s %s: %d %.200q", ask[0], ask[1], r.status, r.body)
		}
	}
	return nil
}

// beRude sends what is no request, or half of one, or does not wait.
func (v *visitor) beRude(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(v.url, "http://"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	noise := make([]byte, 1+v.rnd.IntN(2000))
	for i := range noise {
		noise[i] = byte(v.rnd.IntN(256))
	}
	const head = "POST /flags?v=2 HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\n"
	text := []string{
		string(noise),
		head[:v.rnd.IntN(len(head))],
		head + "Content-Length: 1000\r\n\r\n{\"token\":",
		head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
		"GET /static/../flags HTTP/1.1\r\nHost: relay\r\n\r\n",
		strings.Repeat("GET /flags/definitions?token="+posthogtest.ProjectToken+" HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer "+soakKey+"\r\n\r\n", 20),
	}[v.rnd.IntN(6)]
	_, _ = io.WriteString(conn, text)
	if v.rnd.IntN(2) == 0 {
		_ = conn.SetReadDeadline(time.Now().Add(time.Duration(v.rnd.IntN(200)) * time.Millisecond))
		_, _ = conn.Read(make([]byte, 100))
	}
	return nil
}

func answered(r *reply) string { return r.header.Get("X-Hogflags-Answered") }

// pause waits, or for ctx.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
