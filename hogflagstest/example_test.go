package hogflagstest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/hogflagstest"
)

// Greeting is what is tested.
func Greeting(ctx context.Context, flags *hogflags.Client, user string) string {
	style, _ := flags.GetFeatureFlag(ctx, "greeting", hogflags.Subject{DistinctID: user})
	if style == "warm" {
		return "So good to see you, " + user
	}
	return "Hello, " + user
}

func Example() {
	t := &testing.T{} // the test's own

	f := hogflagstest.New(t, hogflagstest.Config{Flags: hogflagstest.Flags{"greeting": "warm"}})
	defer f.Client.Close() // in a test, its end does that
	fmt.Println(Greeting(context.Background(), f.Client, "ada"))
	f.AssertReported(t, "ada", "greeting", "warm")

	f.Set(t, "greeting", false)
	fmt.Println(Greeting(context.Background(), f.Client, "ada"))
	// Output:
	// So good to see you, ada
	// Hello, ada
}
