package dynamocache_test

import (
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/dynamocache"
)

func ExampleNew() {
	client := dynamodb.New(dynamodb.Options{Region: "eu-west-1"}) // or the application's own
	store, err := dynamocache.New(client, "flags", flagcache.Scope{
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
