package flagcache_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/memorycache"
)

// upstream serves a document that never changes.
type upstream string

func (u upstream) Fetch(_ context.Context, etag string) (flagcache.Answer, error) {
	if etag == `"v1"` {
		return flagcache.Answer{NotModified: true}, nil
	}
	return flagcache.Answer{Body: []byte(u), ETag: `"v1"`}, nil
}

// printer serves definitions by printing them.
type printer struct{ done context.CancelFunc }

func (printer) Current() *flagcache.Entry    { return nil }
func (printer) Check(*flagcache.Entry) error { return nil }
func (printer) Notice(flagcache.Status)      {}
func (p printer) Apply(e *flagcache.Entry) error {
	fmt.Printf("serving %s\n", e.Body)
	p.done()
	return nil
}

func ExampleNew() {
	store, err := memorycache.New(flagcache.Scope{Project: "phc_example", Host: "https://us.i.posthog.com"})
	if err != nil {
		log.Fatal(err)
	}
	fleet, err := flagcache.New(store, flagcache.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := fleet.Run(ctx, upstream(`{"flags":[]}`), printer{cancel}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(fleet.Status().Role)
	// Output:
	// serving {"flags":[]}
	// stopped
}

// inMemory is a provider of the four methods: this process always fetches.
type inMemory struct{ kept *flagcache.FlagDefinitions }

func (*inMemory) ShouldFetchFlagDefinitions(context.Context) (bool, error) { return true, nil }
func (p *inMemory) FlagDefinitions(context.Context) (*flagcache.FlagDefinitions, error) {
	return p.kept, nil
}
func (p *inMemory) OnFlagDefinitionsReceived(_ context.Context, d *flagcache.FlagDefinitions) error {
	p.kept = d
	return nil
}
func (*inMemory) Shutdown(context.Context) error { return nil }

func ExampleFromProvider() {
	c, err := flagcache.FromProvider(&inMemory{}, flagcache.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := c.Run(ctx, upstream(`{"flags":[]}`), printer{cancel}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// serving {"flags":[]}
}

// Signing goes around any store. The private key stays with those that write;
// the others read with the public one.
func ExampleNewSigned() {
	store, err := memorycache.New(flagcache.Scope{Project: "phc_example", Host: "https://us.i.posthog.com"})
	if err != nil {
		panic(err)
	}
	key := flagcache.NewSigningKey() // or ParseSigningKey, from a file or the environment
	writer, err := flagcache.NewSigned(store, flagcache.Keys{Sign: key})
	if err != nil {
		panic(err)
	}
	reader, err := flagcache.NewSigned(store, flagcache.Keys{Verify: []flagcache.VerifyKey{key.Public()}})
	if err != nil {
		panic(err)
	}
	fmt.Println(writer.CanSign(), reader.CanSign())
	_, err = flagcache.New(reader, flagcache.Options{})
	fmt.Println(err)
	// Output:
	// true false
	// start fleet: flagcache: what is written has to be signed, and there is no signing key: give one, or attach read only
}

// An operator takes a fleet back to the definitions before the latest.
func ExamplePinRevision() {
	ctx := context.Background()
	store, err := memorycache.New(flagcache.Scope{Project: "phc_example", Host: "https://us.i.posthog.com"})
	if err != nil {
		panic(err)
	}
	_, _, err = flagcache.PinRevision(ctx, store, flagcache.Previous, "ada", "checkout is broken")
	fmt.Println(err)
	// Output: cannot pin the previous definitions: the store has none from before the latest
}
