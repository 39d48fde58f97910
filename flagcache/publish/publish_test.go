package publish_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cloudflarekv"
	"github.com/hogflags/hogflags/flagcache/publish"
	"github.com/hogflags/hogflags/internal/cloudflaretest"
)

var scope = flagcache.Scope{Project: "phc_x", Host: "https://posthog.test"}

const key = "posthog:flags:phc_x"

// upstream answers as it is set, conditionally.
type upstream struct {
	body, etag string
	err        error
	asked      []string // the ETags that were sent
	during     func()   // while it is asked
}

func (u *upstream) Fetch(_ context.Context, etag string) (flagcache.Answer, error) {
	u.asked = append(u.asked, etag)
	if u.during != nil {
		u.during()
	}
	if u.err != nil {
		return flagcache.Answer{}, u.err
	}
	if etag == u.etag {
		return flagcache.Answer{NotModified: true}, nil
	}
	return flagcache.Answer{Body: []byte(u.body), ETag: u.etag}, nil
}

func namespace(t *testing.T, api *cloudflaretest.API) *cloudflarekv.Namespace {
	t.Helper()
	n, err := cloudflarekv.New(scope, cloudflarekv.Config{
		Account: cloudflaretest.Account, Namespace: cloudflaretest.Namespace, Token: cloudflaretest.Token,
		HTTPClient: &http.Client{Transport: api},
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func once(t *testing.T, to flagcache.Publisher, from *upstream) publish.Report {
	t.Helper()
	r, err := publish.Once(t.Context(), to, from)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What is current is asked for conditionally, and written again only when its
// confirmation is old; each write is newer than the one before, whoever writes.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, up := cloudflaretest.New(), &upstream{body: `{"flags":[]}`, etag: `"1"`}
		first := once(t, namespace(t, api), up)
		if first.Before != nil || first.NotModified || first.Now == nil || string(first.Now.Body) != up.body {
			t.Errorf("first: %+v", first)
		}
		time.Sleep(publish.ConfirmAfter - time.Second)
		if r := once(t, namespace(t, api), up); !r.NotModified || r.Now.Position != first.Now.Position || api.Writes() != 1 {
			t.Errorf("not modified: %+v, %d writes", r, api.Writes())
		}
		time.Sleep(2 * time.Second)
		confirmed := once(t, namespace(t, api), up)
		if !confirmed.NotModified || !confirmed.Now.After(first.Now.Position) || !confirmed.Now.FetchedAt.Equal(first.Now.FetchedAt) || !confirmed.Now.CheckedAt.After(first.Now.CheckedAt) || api.Writes() != 2 {
			t.Errorf("confirmed: %+v, %d writes", confirmed, api.Writes())
		}
		up.body, up.etag = `{"flags":[],"cohorts":{}}`, `"2"`
		changed := once(t, namespace(t, api), up)
		if changed.NotModified || !changed.Now.After(confirmed.Now.Position) || changed.Before.Revision != first.Now.Revision {
			t.Errorf("changed: %+v", changed)
		}
		// A clock that was set back does not stop the order.
		e, err := namespace(t, api).Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		future := *e
		future.Epoch = uint64(time.Now().Add(24 * time.Hour).UnixMicro())
		time.Sleep(2 * time.Second)
		if err := namespace(t, api).Publish(t.Context(), &future); err != nil {
			t.Fatal(err)
		}
		up.body, up.etag = `{"flags":[]}`, `"3"`
		time.Sleep(2 * time.Second)
		if r := once(t, namespace(t, api), up); !r.Now.After(future.Position) {
			t.Errorf("after a clock that ran ahead: %v, want more than %v", r.Now.Position, future.Position)
		}
		want := []string{"", `"1"`, `"1"`, `"1"`, `"2"`}
		for i := range want {
			if up.asked[i] != want[i] {
				t.Errorf("asked with %q, want %q", up.asked, want)
				break
			}
		}
	})
}

// What is damaged or foreign is replaced, after an unconditional request.
func TestOnceRepairs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, up := cloudflaretest.New(), &upstream{body: `{"flags":[]}`, etag: `"1"`}
		api.Put(key, cloudflaretest.Value{Value: []byte(`{"flags":[],"groupTypeMapping":{},"cohorts":{}}`)})
		good := once(t, namespace(t, api), up)
		v, _ := api.Get(key)
		v.Value = v.Value[1:]
		api.Put(key, v)
		time.Sleep(2 * time.Second)
		r := once(t, namespace(t, api), up)
		if r.Before != nil || !r.Now.After(good.Now.Position) || up.asked[1] != "" {
			t.Errorf("repaired: %+v, asked with %q", r, up.asked)
		}
		if e, err := namespace(t, api).Load(t.Context()); err != nil || string(e.Body) != up.body {
			t.Errorf("load: %v, %+v", err, e)
		}
	})
}

// A failure leaves what is published, and says whose it is; a writer that was
// overtaken while PostHog answered leaves the newer document.
func TestOnceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, up := cloudflaretest.New(), &upstream{body: `{"flags":[]}`, etag: `"1"`}
		once(t, namespace(t, api), up)
		before, _ := api.Get(key)
		for _, bad := range []*upstream{
			{err: &flagcache.UpstreamError{Cause: flagcache.CauseQuota, Err: errors.New("402")}},
			{body: "<html>", etag: "x"},
			{body: `{"flaps":[]}`, etag: "x"},
		} {
			if _, err := publish.Once(t.Context(), namespace(t, api), bad); !errors.Is(err, publish.ErrUpstream) {
				t.Errorf("publish %+v: %v", bad, err)
			}
		}
		api.Fail = append(api.Fail, func(w http.ResponseWriter) { cloudflaretest.Refuse(w, 403, 1, "no") })
		if _, err := publish.Once(t.Context(), namespace(t, api), up); err == nil || errors.Is(err, publish.ErrUpstream) {
			t.Errorf("publish to an API that refuses: %v", err)
		}
		if after, _ := api.Get(key); string(after.Value) != string(before.Value) || !after.At.Equal(before.At) {
			t.Error("a failure changed what is published")
		}

		slow := &upstream{body: `{"flags":[],"old":1}`, etag: `"0"`}
		slow.during = func() {
			time.Sleep(5 * time.Second)
			up.body, up.etag = `{"flags":[],"new":1}`, `"2"`
			once(t, namespace(t, api), up)
		}
		r := once(t, namespace(t, api), slow)
		if e, err := namespace(t, api).Load(t.Context()); !r.Superseded || r.Now != nil || err != nil || string(e.Body) != up.body {
			t.Errorf("overtaken: %+v; stored %+v, %v", r, e, err)
		}
	})
}
