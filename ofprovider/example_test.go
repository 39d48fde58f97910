package ofprovider_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/hogflags/hogflags/hogflagstest"
	"github.com/hogflags/hogflags/ofprovider"
)

func ExampleNew() {
	flags := hogflagstest.Client(&testing.T{}, hogflagstest.Flags{"checkout": "blue"}) // a service has hogflags.New
	defer flags.Close()

	ctx := context.Background()
	if err := openfeature.SetProviderWithContextAndWait(ctx, ofprovider.New(flags, ofprovider.Config{})); err != nil {
		fmt.Println(err)
	}
	defer openfeature.Shutdown()
	client := openfeature.NewDefaultClient()
	fmt.Println(client.StringValue(ctx, "checkout", "red", openfeature.NewEvaluationContext("ada", nil)))
	// Output: blue <nil>
}
