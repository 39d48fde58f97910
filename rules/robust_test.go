package rules_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
	"github.com/hogflags/hogflags/rules/internal/oracle"
)

// document joins flags, and cohorts by id, into a definitions document.
func document(flags []string, cohorts ...string) []byte {
	return []byte(`{"flags":[` + strings.Join(flags, ",") + `],"cohorts":{` + strings.Join(cohorts, ",") + `}}`)
}

func flagOn(key, filters string) string {
	return fmt.Sprintf(`{"key":%q,"active":true,"filters":{"groups":[{"properties":[%s]}]}}`, key, filters)
}

func dependsOn(keys ...string) string {
	filters := make([]string, len(keys))
	for i, key := range keys {
		filters[i] = fmt.Sprintf(`{"key":%q,"type":"flag","operator":"flag_evaluates_to","value":true,"dependency_chain":[%q]}`, key, key)
	}
	return strings.Join(filters, ",")
}

// TestHostileDefinitions evaluates what nobody means to write. That it ends,
// soon and without a panic, is most of the test.
func TestHostileDefinitions(t *testing.T) {
	person := `{"key":"p","type":"person","value":"x"}`
	cohort := func(id int) string { return fmt.Sprintf(`{"key":"id","type":"cohort","value":%d}`, id) }

	wide := make([]string, 100_000)
	for i := range wide {
		wide[i] = person
	}
	var chain, diamonds, ring, cohortChain, cohortDiamonds, cohortRing []string
	for i := range 20_000 {
		filters := person
		if i > 0 {
			filters = dependsOn(fmt.Sprint("f", i-1))
		}
		chain = append(chain, flagOn(fmt.Sprint("f", i), filters))
		ring = append(ring, flagOn(fmt.Sprint("f", i), dependsOn(fmt.Sprint("f", (i+1)%20_000))))
		cohortChain = append(cohortChain, fmt.Sprintf(`"%d":{"type":"AND","values":[%s]}`, i, cohort(i+1)))
		cohortRing = append(cohortRing, fmt.Sprintf(`"%d":{"type":"OR","values":[%s,%s]}`, i, cohort((i+1)%20_000), cohort((i+7)%20_000)))
	}
	for i := range 90 {
		filters := person
		if i > 0 {
			previous := fmt.Sprint("f", i-1)
			filters = dependsOn(previous, previous, previous)
		}
		diamonds = append(diamonds, flagOn(fmt.Sprint("f", i), filters))
		cohortDiamonds = append(cohortDiamonds, fmt.Sprintf(`"%d":{"type":"OR","values":[%s,%s,%s]}`, i, cohort(i+1), cohort(i+1), cohort(i+1)))
	}
	cohortDiamonds = append(cohortDiamonds, `"90":{"type":"AND","values":[`+person+`]}`)
	nested := strings.Repeat(`{"type":"AND","values":[`, 50) + person + strings.Repeat(`]}`, 50)
	variants := strings.Repeat(`{"key":"v","rollout_percentage":0.001},`, 50_000) + `{"key":"w","rollout_percentage":1}`

	for name, test := range map[string]struct {
		body []byte
		key  string
		want any // nil: inconclusive
	}{
		"100,000 filters":       {document([]string{flagOn("f", strings.Join(wide, ","))}), "f", true},
		"chain of flags":        {document(chain), "f999", true},
		"endless chain":         {document(chain), "f19999", nil},
		"diamonds of flags":     {document(diamonds), "f89", true},
		"ring of flags":         {document(ring), "f0", nil},
		"chain of cohorts":      {document([]string{flagOn("f", cohort(0))}, cohortChain...), "f", nil},
		"diamonds of cohorts":   {document([]string{flagOn("f", cohort(0))}, cohortDiamonds...), "f", true},
		"ring of cohorts":       {document([]string{flagOn("f", cohort(0))}, cohortRing...), "f", nil},
		"nested groups":         {document([]string{flagOn("f", cohort(1))}, `"1":`+nested), "f", true},
		"itself":                {document([]string{flagOn("f", dependsOn("f"))}), "f", nil},
		"catastrophic pattern":  {document([]string{flagOn("f", `{"key":"long","type":"person","operator":"regex","value":"^(a+)+$"}`)}), "f", false},
		"and with look-around":  {document([]string{flagOn("f", `{"key":"long","type":"person","operator":"regex","value":"^(?=a)(a+)+$"}`)}), "f", nil},
		"and a back-reference":  {document([]string{flagOn("f", `{"key":"long","type":"person","operator":"regex","value":"(a*)*\\1b"}`)}), "f", nil},
		"repeated repetitions":  {document([]string{flagOn("f", `{"key":"long","type":"person","operator":"regex","value":"((a{1000}){1000}){1000}"}`)}), "f", nil},
		"50,000 equal variants": {[]byte(`{"flags":[{"key":"f","active":true,"filters":{"groups":[{"rollout_percentage":0}],"multivariate":{"variants":[` + variants + `]}}}]}`), "f", nil},
		"two flags of one key":  {document([]string{flagOn("f", ""), flagOn("f", "")}), "f", nil},
	} {
		t.Run(name, func(t *testing.T) {
			set := compile(t, test.body, oracle.Options{})
			subject := &rules.Subject{DistinctID: "u", PersonProperties: map[string]any{
				"p": "x", "long": strings.Repeat("a", 200) + "!",
			}}
			got := set.Evaluate(test.key, subject)
			if got.Value() != test.want {
				t.Errorf("value %v, want %v (missing %.3v)", got.Value(), test.want, got.Missing)
			}
			if all := set.EvaluateAll(nil, subject); len(all) != set.Len() {
				t.Errorf("%d answers for %d flags", len(all), set.Len())
			}
			set.Explain(test.key, subject)
			set.Needs(test.key)
			set.Check()
		})
	}
}

// grumpy is a property value that does not let itself be read.
type grumpy struct{ panics bool }

func (g grumpy) MarshalJSON() ([]byte, error) {
	if g.panics {
		panic("no")
	}
	return nil, errors.New("no")
}

type plan string

// TestPropertyTypes gives every type of Go value that a caller may pass.
func TestPropertyTypes(t *testing.T) {
	set := compile(t, document([]string{flagOn("f", `{"key":"p","type":"person","value":["7","pro","true","null","1.5","[1,\"a\"]","{\"a\":1}","2024-06-01t12:00:00z","1e21","18446744073709551615"]}`)}), oracle.Options{})
	seven := 7
	for _, test := range []struct {
		value any
		want  any
	}{
		{7, true}, {int8(7), true}, {int16(7), true}, {int32(7), true}, {int64(7), true}, {uint(7), true}, {uint8(7), true},
		{uint16(7), true}, {uint32(7), true}, {uint64(7), true}, {float32(7), true}, {7.0, true}, {&seven, true},
		{json.Number("7"), true}, {json.Number("7.0"), false}, {json.Number("junk"), nil}, {json.Number(""), nil}, {json.Number("+7"), nil},
		{uint64(math.MaxUint64), true}, {float32(1.5), true}, {1.5, true}, {1e21, nil}, {1e-7, false},
		{math.NaN(), nil}, {math.Inf(1), nil}, {math.Copysign(0, -1), false},
		{"PRO", true}, {plan("Pro"), true}, {true, true}, {false, false}, {nil, true}, {(*int)(nil), true},
		{[]any{1, "A"}, true}, {map[string]any{"a": 1}, true}, {map[string]any{"a": 1, "b": 2}, nil},
		{time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC), true}, {json.RawMessage(`"pro"`), true}, {flagdef.Value(`7`), true},
		{grumpy{}, nil}, {grumpy{panics: true}, nil}, {make(chan int), nil}, {func() {}, nil}, {"\xff", false},
	} {
		got := set.Evaluate("f", &rules.Subject{PersonProperties: map[string]any{"p": test.value}})
		if got.Value() != test.want {
			t.Errorf("%T(%v): %v, want %v", test.value, test.value, got.Value(), test.want)
		}
	}
}

// TestInvalidUTF8 holds that a property is compared as the server would get it:
// each invalid byte is one U+FFFD.
func TestInvalidUTF8(t *testing.T) {
	for _, test := range []struct {
		operator, value, property string
		want                      any
	}{
		{"exact", `"a\ufffdb"`, "a\xffb", true},
		{"exact", `"a\ufffd\ufffdb"`, "a\xff\xfeb", true},
		{"exact", `["x","A\ufffd"]`, "a\xff", true},
		{"exact", `"ab"`, "a\xffb", false},
		{"icontains", `"\ufffd"`, "a\xffb", true},
		{"icontains", `"é"`, "\xffé", true},
		{"icontains", `"é"`, "\xc3", false},
		{"starts_with", `"\ufffd"`, "\xffb", true},
		{"ends_with", `"B"`, "\xffb", true},
		{"regex", `"^a.b$"`, "a\xffb", true},
		{"regex", `"^a\\x{fffd}b$"`, "a\xffb", true},
		{"regex", `"^a\ufffdb$"`, "a\xffb", true},
		{"gt", `1`, "2\xff", false},
	} {
		set := compile(t, document([]string{flagOn("f", fmt.Sprintf(`{"key":"p","type":"person","operator":%q,"value":%s}`, test.operator, test.value))}), oracle.Options{})
		got := set.Evaluate("f", &rules.Subject{PersonProperties: map[string]any{"p": test.property}})
		if got.Value() != test.want {
			t.Errorf("%s %s of %q: %v, want %v", test.operator, test.value, test.property, got.Value(), test.want)
		}
	}
}

// FuzzEvaluate holds that no document and no subject make an evaluation panic,
// and that all ways to ask agree.
func FuzzEvaluate(f *testing.F) {
	for seed := range uint64(30) {
		sample := oracle.Generate(seed)
		call, err := json.Marshal(sample.Calls[0])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sample.Definitions, call, sample.Options.Now.Unix())
	}
	cases, err := oracle.LoadCases("testdata/cases.jsonl.gz")
	if err != nil {
		f.Fatal(err)
	}
	for i, c := range cases {
		if i%8 != 0 || len(c.Definitions) > 4096 {
			continue // small ones of every kind
		}
		call, err := json.Marshal(c.Calls[0])
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(c.Definitions), call, c.Now.Unix())
	}
	f.Fuzz(func(t *testing.T, definitions, call []byte, now int64) {
		defs, err := flagdef.Parse(definitions)
		if err != nil {
			return
		}
		var c oracle.Call
		d := json.NewDecoder(strings.NewReader(string(call)))
		d.UseNumber()
		if d.Decode(&c) != nil {
			return
		}
		set := rules.Compile(defs, rules.Options{})
		subject := subjectOf(c, oracle.Options{Now: time.Unix(now, 0)})
		for _, a := range set.EvaluateAll(nil, subject) {
			if alone := set.Evaluate(a.Key(), subject); alone.Value() != a.Value() || alone.Reason != a.Reason {
				t.Errorf("%s: %v (%v) alone, %v (%v) among all", a.Key(), alone.Value(), alone.Reason, a.Value(), a.Reason)
			}
			if explained := set.Explain(a.Key(), subject).Answer; explained.Value() != a.Value() {
				t.Errorf("%s: %v explained, %v evaluated", a.Key(), explained.Value(), a.Value())
			}
			if (a.Status == rules.Inconclusive) != (len(a.Missing) > 0) {
				t.Errorf("%s: %v with %v missing", a.Key(), a.Status, a.Missing)
			}
		}
		set.Check()
	})
}
