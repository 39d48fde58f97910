package engine

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/rules"
)

const document = `{"flags":[
 {"id":1,"key":"pro","active":true,"filters":{"groups":[{"properties":[{"key":"plan","type":"person","operator":"exact","value":"pro"}]}]}},
 {"id":2,"key":"old","active":false,"filters":{"groups":[{}]}},
 {"id":3,"key":"app","active":true,"evaluation_runtime":"client","filters":{"groups":[{}]}},
 {"id":4,"key":"child","active":true,"ensure_experience_continuity":true,"filters":{"groups":[{"properties":[{"key":"pro","type":"flag","operator":"flag_evaluates_to","value":true}]}]}},
 {"id":5,"key":"old","active":true,"filters":{"groups":[{}]}},
 {"id":6,"key":"last","active":true,"filters":{"groups":[{}]}}
],"minimal_flag_called_events":true,"cohorts":{}}`

func load(t *testing.T) *Set {
	t.Helper()
	s, err := Load([]byte(document), "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told is what a caller reads from answers: their numbers, and the keys and values
// of those that are new.
func told(t *testing.T, a *Answers) (numbers []uint32, news []string) {
	t.Helper()
	var list []struct {
		Key, Status string
		Value       any
	}
	if len(a.Text) > 0 {
		if err := json.Unmarshal(a.Text, &list); err != nil {
			t.Fatalf("%v: %s", err, a.Text)
		}
	}
	for _, entry := range list {
		value, _ := json.Marshal(entry.Value)
		news = append(news, entry.Key+" "+entry.Status+" "+string(value))
	}
	return append(numbers, a.Numbers...), news
}

// An answer is described when it first occurs, and an inconclusive one each time.
func TestAnswersAreToldOnce(t *testing.T) {
	s := load(t)
	var a Answers
	for _, step := range []struct {
		question Question
		numbers  []uint32
		news     []string
	}{
		{Question{Subject: []byte(`{"distinct_id":"u","person_properties":{"plan":"pro"}}`)}, []uint32{1, 0, 2, 3}, []string{"pro decided true", "old inconclusive null", "child decided true", "last decided true"}},
		{Question{Subject: []byte(`{"distinct_id":"v","person_properties":{"plan":"pro"}}`)}, []uint32{1, 0, 2, 3}, []string{"old inconclusive null"}},
		{Question{Subject: []byte(`{"distinct_id":"v","person_properties":{"plan":"x"}}`), Flags: []uint32{4, 0}}, []uint32{3, 4}, []string{"pro decided false"}},
		{Question{Subject: []byte(`{"distinct_id":"v"}`), Flags: []uint32{2}}, []uint32{5}, []string{"app not found null"}},
		{Question{Subject: []byte(`{"distinct_id":"v"}`), Flags: []uint32{2}, Runtime: rules.RuntimeClient}, []uint32{6}, []string{"app decided true"}},
		{Question{Subject: []byte(`{"distinct_id":"v"}`), Flags: []uint32{2}}, []uint32{5}, nil},
		{Question{Subject: []byte(`{}`), Flags: []uint32{}}, nil, nil},
		{Question{Subject: []byte(`{"distinct_id":17}`), Frame: []byte(`{"complete":["person"]}`), Flags: []uint32{0}}, []uint32{4}, nil},
	} {
		if err := s.Evaluate(&step.question, &a); err != nil {
			t.Fatal(err)
		}
		numbers, news := told(t, &a)
		if diff := cmp.Diff([]any{numbers, news}, []any{step.numbers, step.news}); diff != "" {
			t.Errorf("%s %v (-got +want):\n%s", step.question.Subject, step.question.Flags, diff)
		}
	}
}

// The catalog numbers flags as questions do, also where two share a key.
func TestCatalog(t *testing.T) {
	s := load(t)
	type flag struct {
		Key                          string
		Active, Continuity, Variants bool
		Runtime                      string
		Needs                        []string
	}
	type catalog struct {
		Minimal bool
		Flags   []flag
	}
	var got catalog
	if err := json.Unmarshal(s.Catalog(), &got); err != nil {
		t.Fatal(err)
	}
	want := catalog{Minimal: true, Flags: []flag{
		{Key: "pro", Active: true, Needs: []string{}},
		{Key: "old", Active: true, Continuity: true, Variants: true, Needs: []string{}},
		{Key: "app", Active: true, Runtime: "client", Needs: []string{}},
		{Key: "child", Active: true, Continuity: true, Needs: []string{"pro"}},
		{Key: "last", Active: true, Needs: []string{}},
	}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	var a Answers
	for i, flag := range want.Flags {
		if err := s.Evaluate(&Question{Subject: []byte(`{"distinct_id":"u"}`), Flags: []uint32{uint32(i)}}, &a); err != nil {
			t.Fatal(err)
		}
		if _, news := told(t, &a); len(news) != 1 || !strings.HasPrefix(news[0], flag.Key+" ") {
			t.Errorf("flag %d is %v, want %s", i, news, flag.Key)
		}
	}
}

// What cannot be read is one clear error, and changes nothing.
func TestBadQuestions(t *testing.T) {
	s := load(t)
	for _, test := range []struct {
		q    Question
		want string
	}{
		{Question{Subject: []byte(``)}, "read subject"},
		{Question{Subject: []byte(`[]`)}, "read subject"},
		{Question{Subject: []byte(`null`)}, "not an object"},
		{Question{Subject: []byte(`{} 1`)}, "not one JSON value"},
		{Question{Subject: []byte(`{"distinct_id":1.0}`)}, "distinct_id: want a string"},
		{Question{Subject: []byte(`{"distinct_id":12345678901234567}`)}, "distinct_id: want a string"},
		{Question{Subject: []byte(`{"device_id":[]}`)}, "device_id: want a string"},
		{Question{Subject: []byte(`{"groups":"x"}`)}, "groups: want an object"},
		{Question{Subject: []byte(`{"group_properties":{"company":1}}`)}, "group_properties: company: want an object"},
		{Question{Subject: []byte(`{}`), Frame: []byte(`{"complete":["people"]}`)}, "neither"},
		{Question{Subject: []byte(`{}`), Frame: []byte(`{`)}, "read frame"},
		{Question{Subject: []byte(`{}`), Frame: []byte(`{"contexts":["a",1]}`)}, "contexts: want a list of texts"},
		{Question{Subject: []byte(`{}`), Frame: []byte(`{"complete":"person"}`)}, "complete: want a list of texts"},
		{Question{Subject: []byte(`{}`), Flags: []uint32{5}}, "no flag has that number"},
	} {
		var a Answers
		err := s.Evaluate(&test.q, &a)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.q.Subject, err, test.want)
		}
	}
	if _, err := s.Explain(&Question{Subject: []byte(`{}`)}); err == nil {
		t.Error("explained no flag")
	}
	for _, bad := range [][2]string{{`{}`, ""}, {document, "Mars/Base"}} {
		if _, err := Load([]byte(bad[0]), bad[1]); err == nil {
			t.Errorf("loaded %.20s in %q", bad[0], bad[1])
		}
	}
}

// FuzzEvaluate holds a question of any kind to an answer or an error, and what is
// answered to what is answered again.
func FuzzEvaluate(f *testing.F) {
	f.Add([]byte(`{"distinct_id":"u","person_properties":{"plan":"pro"}}`), []byte(`{"complete":["person"],"contexts":["a"]}`))
	f.Add([]byte(`{"distinct_id":7,"groups":{"company":1},"group_properties":{"company":{"a":1.0}}}`), []byte(nil))
	f.Fuzz(func(t *testing.T, subject, frame []byte) {
		s := load(t)
		q := Question{Subject: subject, Frame: frame, Now: time.UnixMilli(1790000000000)}
		var a Answers
		if err := s.Evaluate(&q, &a); err != nil {
			return
		}
		first, _ := told(t, &a)
		if err := s.Evaluate(&q, &a); err != nil {
			t.Fatal(err)
		}
		if again, _ := told(t, &a); !cmp.Equal(first, again) {
			t.Errorf("%v, then %v", first, again)
		}
	})
}
