package relay

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// What is copied is what would have been written, for every answer that a flag
// may have, however many ask at a time.
func TestTextsAreWhatWouldBeWritten(t *testing.T) {
	var many []string // conditions, more than texts are kept
	for i := range maxTexts + 8 {
		many = append(many, fmt.Sprintf(`{"properties":[{"key":"n","type":"person","operator":"exact","value":"%d"}],"rollout_percentage":100}`, i))
	}
	set := compileText(t, `{"flags":[
		{"id":1,"key":"on","active":true,"version":3,"filters":{"groups":[{"rollout_percentage":50}],"payloads":{"true":"{\"a\": \"\u00e4\"}"}}},
		{"id":2,"key":"split","active":true,"has_experiment":true,"filters":{"groups":[{"rollout_percentage":80}],"holdout":{"id":7,"exclusion_percentage":20},
			"multivariate":{"variants":[{"key":"a","rollout_percentage":40},{"key":"b","rollout_percentage":40},{"key":"c\"","rollout_percentage":20}]},"payloads":{"a":"1","b":"2"}}},
		{"id":3,"key":"off","active":false,"filters":{"groups":[{}]}},
		{"id":4,"key":"many","active":true,"filters":{"groups":[`+strings.Join(many, ",")+`]}}]}`)
	texts := newTexts(set, appendNamed)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i := range 400 {
				subject := rules.Subject{DistinctID: fmt.Sprint("person-", i), PersonProperties: map[string]any{"n": fmt.Sprint(i % (maxTexts + 8))}}
				for _, a := range set.EvaluateAll(nil, &subject) {
					want := appendNamed(nil, &a)
					got, sum := texts.append([]byte("before"), &a)
					if string(got) != "before"+string(want) || sum != xxhash.Sum64(want) {
						t.Errorf("%s, sum %x; want %s, sum %x", got, sum, want, xxhash.Sum64(want))
					}
				}
			}
		})
	}
	wait.Wait()
	for i := range texts.flags {
		kept := 0
		for k := texts.flags[i].Load(); k != nil; k = k.next.Load() {
			kept++
		}
		if kept == 0 || kept > maxTexts {
			t.Errorf("%s: %d texts are kept, want 1 to %d", set.Keys()[i], kept, maxTexts)
		}
	}
}

func TestTextsAreBounded(t *testing.T) {
	set := compileText(t, `{"flags":[{"key":"a","active":true,"filters":{"groups":[{}]}},{"key":"b","active":true,"filters":{"groups":[{}]}}]}`)
	large := strings.Repeat("x", maxTextBytes/2+1)
	texts := newTexts(set, func(b []byte, _ *rules.Answer) []byte { return append(b, large...) })
	for range 2 {
		for _, a := range set.EvaluateAll(nil, &rules.Subject{DistinctID: "ada"}) {
			if got, _ := texts.append(nil, &a); string(got) != large {
				t.Errorf("%s: %d bytes, want %d", a.Key(), len(got), len(large))
			}
		}
	}
	if texts.flags[0].Load() == nil || texts.flags[1].Load() != nil || texts.bytes != len(large) {
		t.Errorf("%d bytes are kept, want those of one text", texts.bytes)
	}
}

func compileText(t *testing.T, text string) *rules.Set {
	t.Helper()
	defs, err := flagdef.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return rules.Compile(defs, rules.Options{})
}
