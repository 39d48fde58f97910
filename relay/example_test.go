package relay_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/relay"
)

// fixed is an upstream that serves one document.
type fixed string

func (f fixed) Fetch(context.Context, string) (flagcache.Answer, error) {
	return flagcache.Answer{Body: []byte(f), ETag: `W/"v1"`}, nil
}

func Example() {
	store, err := memorycache.New(flagcache.Scope{Project: "phc_example", Host: "https://us.i.posthog.com"})
	if err != nil {
		log.Fatal(err)
	}
	fleet, err := flagcache.New(store, flagcache.Options{})
	if err != nil {
		log.Fatal(err)
	}
	r, err := relay.New(relay.Config{
		Coordinator:  fleet,
		Upstream:     fixed(`{"flags":[]}`), // flagcache.PostHog(client) in a program
		ProjectToken: "phc_example",
		Key:          "what-clients-present",
	})
	if err != nil {
		log.Fatal(err)
	}
	l, err := r.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- r.Run(ctx, l) }()

	if err := fleet.Reload(ctx); err != nil { // returns once they are served
		log.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodGet, "/flags/definitions", nil)
	req.Header.Set("Authorization", "Bearer what-clients-present")
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, req)
	body, _ := io.ReadAll(answer.Body)
	fmt.Println(answer.Code, answer.Header().Get("ETag"), string(body))

	cancel()
	if err := <-stopped; err != nil {
		log.Fatal(err)
	}
	// Output:
	// 200 W/"v1" {"flags":[]}
}
