// Typed reads flags through code that was generated from their definitions.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"log"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/examples/typed/flags"
)

//go:generate go run github.com/hogflags/hogflags/cmd/hogflags generate --definitions definitions.json --package flags --out flags/flags.go

//go:embed definitions.json
var definitions []byte

func main() {
	ctx := context.Background()
	client, err := hogflags.New(ctx, hogflags.Config{
		Host:         "http://127.0.0.1:1", // nobody: the example answers from what is built in
		ProjectToken: "phc_example",
		SecretKey:    "phs_example",
		Bootstrap:    definitions,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	evaluations, err := client.EvaluateFlags(ctx, hogflags.Subject{
		DistinctID:       "ada",
		PersonProperties: map[string]any{"plan": "pro"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("export:", flags.ProExport.Enabled(evaluations))
	switch flags.PricingPage.Variant(evaluations) {
	case flags.PricingPageAnnual:
		fmt.Println("the annual page")
	case flags.PricingPageControl:
		fmt.Println("the usual page")
	}
	payload, err := flags.PricingPage.Payload(evaluations)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %d months free\n", payload.Headline, payload.MonthsFree)
}
