package open_test

import (
	"fmt"
	"log"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/open"
)

func ExampleOpen() {
	store, err := open.Open("memory:", flagcache.Scope{
		Project: "phc_example",
		Host:    "https://us.i.posthog.com",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	fleet, err := flagcache.New(store, flagcache.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fleet.Status().Role)
	// Output: starting
}
