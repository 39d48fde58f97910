package relay_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

// Flags are for runtimes and contexts: who asks is known by what it says, or
// else as PostHog tells it.
func TestRuntimesAndContexts(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(`{"flags":[
	 {"id":1,"key":"all","active":true,"evaluation_runtime":"all","filters":{"groups":[{}]}},
	 {"id":2,"key":"server","active":true,"evaluation_runtime":"server","filters":{"groups":[{}]}},
	 {"id":3,"key":"client","active":true,"evaluation_runtime":"client","filters":{"groups":[{}]}},
	 {"id":4,"key":"shop","active":true,"evaluation_contexts":["shop","blog"],"filters":{"groups":[{}]}},
	 {"id":5,"key":"needs-client","active":true,"filters":{"groups":[{"properties":[{"key":"client","type":"flag","operator":"flag_evaluates_to","value":false,"dependency_chain":["client"]}]}]}}
	],"group_type_mapping":{},"cohorts":{}}`))
	r := start(t, up)
	r.ready(t)
	const any = "all,needs-client"
	for _, test := range []struct {
		name, more string
		header     []string
		want       string // empty: PostHog is asked
	}{
		{"node", "", []string{"User-Agent", "posthog-node/5.0.0"}, any + ",server,shop"},
		{"go", "", []string{"User-Agent", "posthog-go/1.23.1"}, any + ",server,shop"},
		{"JVM, with words", "", []string{"User-Agent", "posthog-server/3.2.1 (Android SDK)"}, any + ",server,shop"},
		{"curl", "", []string{"User-Agent", "curl/8.0"}, any + ",server,shop"},
		{"browser", "", []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}, "all,client,shop"},
		{"phone", "", []string{"User-Agent", "posthog-ios/3.0.0"}, "all,client,shop"},
		{"unknown, from a page", "", []string{"User-Agent", "x", "Referer", "https://shop.example"}, "all,client,shop"},
		{"unknown", "", []string{"User-Agent", "x"}, any + ",shop"},
		{"SDK of the future", "", []string{"User-Agent", "posthog-cobol/1.0"}, ""},
		{"SDK without a version", "", []string{"User-Agent", "posthog-node/"}, ""},
		{"said by a browser", `"evaluation_runtime":"server"`, []string{"User-Agent", "Mozilla/5.0"}, any + ",server,shop"},
		{"said by a server", `"evaluation_runtime":"client"`, []string{"User-Agent", "posthog-go/1.23.1"}, "all,client,shop"},
		{"every runtime", `"evaluation_runtime":"all"`, nil, ""},
		{"no word", `"evaluation_runtime":7`, nil, ""},
		{"context", `"evaluation_contexts":["blog"],"evaluation_runtime":"server"`, nil, any + ",server,shop"},
		{"other context", `"evaluation_environments":["docs"],"evaluation_runtime":"server"`, nil, any + ",server"},
		{"no context in it", `"evaluation_contexts":[],"evaluation_runtime":"server"`, nil, any + ",server,shop"},
		{"named", `"flag_keys":["client","needs-client"],"evaluation_runtime":"server"`, nil, "needs-client"},
		{"dependency is listed", `"flag_keys":["needs-client"],"evaluation_runtime":"client"`, nil, "client"},
	} {
		a := r.send(t, http.MethodPost, "/flags?v=2", flagsBody(test.more), append(test.header, bearer...)...)
		by := a.header.Get("X-Hogflags-Answered")
		if test.want == "" {
			if by != "upstream" {
				t.Errorf("%s: answered %s, want upstream", test.name, by)
			}
			continue
		}
		var got struct {
			Flags map[string]struct{ Enabled bool }
		}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || by != "local" {
			t.Errorf("%s: %v, answered %s, want local", test.name, err, by)
		}
		on := slices.Sorted(maps.Keys(got.Flags))
		on = slices.DeleteFunc(on, func(key string) bool { return !got.Flags[key].Enabled })
		want := strings.Split(test.want, ",")
		slices.Sort(want)
		if diff := cmp.Diff(on, want); diff != "" {
			t.Errorf("%s: flags that are on (-got +want):\n%s", test.name, diff)
		}
	}
}

// What PostHog would refuse, or read in another way, goes to PostHog.
func TestFieldsThatAreNotPlain(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions([]byte(flagsProject))
	r := start(t, up, project(func(p *relay.Project) { p.Server = true }))
	r.ready(t)
	for _, more := range []string{
		`"geoip_disable":"yes"`, `"timezone":1`, `"ip_address":[]`, `"disable_flags":1`, `"flag_keys":"on"`, `"flag_keys":[]`, `"flag_keys":[null]`,
		`"groups":[]`, `"group_properties":{"company":1}`, `"group_properties":{"company":null}`, `"person_properties":"x"`, `"$anon_distinct_id":7`,
		`"device_id":{}`, `"person_properties":{},"$properties":{}`, `"cookieless_hash_extra":"x"`, `"evaluation_contexts":[null]`,
		`"person_properties":{"a":"\ud800"}`, `"person_properties":{"a":NaN}`, `"override_flags_definitions":{}`, `"a":1,`,
	} {
		a := r.send(t, http.MethodPost, "/flags?v=2", flagsBody(more))
		if by := a.header.Get("X-Hogflags-Answered"); by != "upstream" {
			t.Errorf("%s: answered %q %d, want upstream", more, by, a.status)
		}
	}
	for _, body := range []string{"[]", "null", `"x"`, "{'token':'phc_posthogtest'}", flagsBody("")[1:], strings.Replace(flagsBody(""), `"ada"`, "1.50", 1), flagsBody("\xff")} {
		a := r.send(t, http.MethodPost, "/flags?v=2", body)
		if by := a.header.Get("X-Hogflags-Answered"); by != "upstream" {
			t.Errorf("%q: answered %q %d, want upstream", body, by, a.status)
		}
	}
}
