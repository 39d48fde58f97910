package loader

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hogflags/hogflags/posthogapi"
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

func FuzzDecodeFile(f *testing.F) {
	data, err := testFile.encode(testDocument([]byte(`{"flags":[]}`)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(fileMagic))
	f.Add([]byte(fileMagic + "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := testFile.decode(data)
		if err != nil {
			return
		}
		if !bytes.HasSuffix(data, doc.body) || doc.source != File {
			t.Errorf("decoded %+v from %q", doc, data)
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
				err = &posthogapi.StatusError{StatusCode: http.StatusTooManyRequests, RetryAfter: asked}
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
