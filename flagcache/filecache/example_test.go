package filecache_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/filecache"
)

func ExampleNew() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := filecache.New(filepath.Join(dir, "flags"), flagcache.Scope{
		Project: "phc_example",
		Host:    "https://us.i.posthog.com",
	})
	if err != nil {
		log.Fatal(err)
	}
	fleet, err := flagcache.New(store, flagcache.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fleet.Status().Role)
	// Output: starting
}
