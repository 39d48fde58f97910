package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hogflags/hogflags/rules"
)

var (
	countries = []string{"US", "DE", "FR", "GB", "IN", "BR", "JP", "CA", "AU", "NL", "SE", "ES"}
	plans     = []string{"free", "starter", "team", "business", "enterprise"}
	domains   = []string{"example.com", "mail.example.org", "hedgehog.test", "studio.example.net", "posteo.example"}
	names     = []string{"ada", "grace", "linus", "barbara", "ken", "margaret", "dennis", "frances", "edsger", "radia"}
)

// newSubjects makes up n people with six properties each. It is the same
// people every time.
func newSubjects(n int) []subject {
	rnd := rand.New(rand.NewPCG(1, uint64(n)))
	subjects := make([]subject, n)
	for i := range subjects {
		id := fmt.Sprintf("01926f5c-%04x-7%03x-9%03x-%012x", i, rnd.IntN(1<<12), rnd.IntN(1<<12), rnd.Uint64N(1<<48))
		signedUp := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rnd.IntN(3*365*24)) * time.Hour)
		properties := map[string]any{
			"email":        fmt.Sprintf("%s.%d@%s", pick(rnd, names), i, pick(rnd, domains)),
			"plan":         pick(rnd, plans),
			"country":      pick(rnd, countries),
			"seats":        rnd.IntN(200),
			"signed_up_at": signedUp.Format(time.RFC3339),
			"app_version":  fmt.Sprintf("%d.%d.%d", 1+rnd.IntN(4), rnd.IntN(20), rnd.IntN(10)),
		}
		subjects[i] = subject{
			hogflags:  rules.Subject{DistinctID: id, PersonProperties: properties},
			posthogGo: posthogSubject{distinctID: id, properties: properties},
		}
	}
	return subjects
}

func pick[T any](rnd *rand.Rand, from []T) T { return from[rnd.IntN(len(from))] }
