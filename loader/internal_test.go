package loader

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hogflags/hogflags/flagcache"
)

var (
	testFile = lastKnownGood{project: projectHash("phc_x"), host: "https://h"}
	instant  = time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC)
)

func testDocument(body []byte) document {
	return document{body: body, etag: `W/"x"`, source: File, fetchedAt: instant, checkedAt: instant.Add(time.Second)}
}

func TestFileRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		doc := testDocument(body)
		doc.etag = rapid.StringMatching(`(W/)?"[!-~]*"`).Draw(t, "etag")
		data, err := testFile.encode(doc)
		if err != nil {
			t.Fatal(err)
		}
		got, err := testFile.decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, doc, cmp.AllowUnexported(document{}), cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	})
}

// What is told of times is the wall clock's, by which definitions expire: by the
// monotonic one, which stands still while a machine is paused, they would be called
// young, and decide nothing.
func TestStatusIsOfTheWallClock(t *testing.T) {
	k := newKeeper(Config{Logger: slog.New(slog.DiscardHandler)})
	check := func(what string) {
		t.Helper()
		s := k.status(time.Now())
		if s.CheckedAt.IsZero() || s.CheckedAt != s.CheckedAt.Round(0) || s.FetchedAt != s.FetchedAt.Round(0) {
			t.Errorf("%s: checked at %v, fetched at %v: want both without a monotonic clock", what, s.CheckedAt, s.FetchedAt)
		}
	}
	err := k.received(document{body: []byte(`{"flags":[]}`), source: FromUpstream, fetchedAt: time.Now(), checkedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	check("received")
	k.confirmed("", FromUpstream, time.Now())
	check("confirmed")
}

// Whatever single byte is wrong, anywhere in the file, the file is refused.
func TestEveryDamagedByteIsNoticed(t *testing.T) {
	data, err := testFile.encode(testDocument([]byte(`{"flags":[]}`)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for _, flip := range []byte{0x01, 0x20, 0x80} {
			damaged := bytes.Clone(data)
			damaged[i] ^= flip
			if _, err := testFile.decode(damaged); err == nil {
				t.Errorf("byte %d changed from %q to %q: no error", i, data[i], damaged[i])
			}
		}
		if _, err := testFile.decode(data[:i]); err == nil {
			t.Errorf("cut off after %d bytes: no error", i)
		}
	}
}

// The fuzzer cannot guess a checksum: each input is read as a whole file and
// as what follows a right one.
func FuzzDecodeFile(f *testing.F) {
	data, err := testFile.encode(testDocument([]byte(`{"flags":[]}`)))
	if err != nil {
		f.Fatal(err)
	}
	_, rest, _ := bytes.Cut(data, []byte("\n"))
	f.Add(data)
	f.Add(rest)
	f.Add([]byte(fileMagic + "\n{}"))
	f.Add([]byte("{\"project\":7}\n{}"))
	f.Fuzz(func(t *testing.T, input []byte) {
		sealed := fmt.Appendf(nil, "%s%x\n%s", fileMagic, sha256.Sum256(input), input)
		for _, data := range [][]byte{input, sealed} {
			doc, err := testFile.decode(data)
			if err != nil {
				continue
			}
			if !bytes.HasSuffix(data, doc.body) || doc.source != File {
				t.Errorf("decoded %+v from %q", doc, data)
			}
		}
	})
}

// No error, however it combines with others, makes polling faster than the
// interval or slower than an hour beyond it.
func TestPace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		interval := time.Duration(rapid.Int64Range(int64(minPollInterval), int64(48*time.Hour)).Draw(t, "interval"))
		p := pace{interval: interval}
		for range rapid.IntRange(1, 200).Draw(t, "polls") {
			random := rapid.Float64Range(0, 0.999999).Draw(t, "random")
			var err error
			var asked time.Duration
			switch rapid.IntRange(0, 2).Draw(t, "outcome") {
			case 1:
				err = errors.New("no route to host")
			case 2:
				asked = time.Duration(rapid.Int64Min(0).Draw(t, "retry after"))
				err = &flagcache.UpstreamError{Cause: flagcache.CauseRateLimited, RetryAfter: asked}
			}
			got := p.after(err, random)
			least, most := interval, max(interval, maxBackoff)+max(interval, maxBackoff)/10
			if err == nil {
				least, most = interval-interval/10-1, interval+interval/10+1
			}
			if asked > 0 {
				least, most = max(least, min(asked, maxRetryAfter)), max(most, maxRetryAfter)
			}
			if got < least || got > most {
				t.Fatalf("after %v: %v, want %v to %v", err, got, least, most)
			}
		}
	})
}
