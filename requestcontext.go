package hogflags

import (
	"context"
	"net/http"
	"strings"
	"unicode"
)

// The headers that PostHog's browser SDK sends along, if it is told to.
const (
	HeaderDistinctID = "X-PostHog-Distinct-Id"
	HeaderSessionID  = "X-PostHog-Session-Id"
)

// maxIdentifier bounds an identifier of a header, in characters.
const maxIdentifier = 1000

// RequestContext is who a request is from, as the client says: like any header
// it can be made up, so let no flag decide on it what somebody may do.
type RequestContext struct {
	// DistinctID is whom an evaluation is about whose Subject has none.
	DistinctID string
	// SessionID goes along with events.
	SessionID string
}

type requestKey struct{}

// request is what a context carries.
type request struct {
	RequestContext
	scope scope
}

// WithRequestContext begins a request: evaluations with the context that it
// returns take the distinct id from rc if their subject has none, and share
// their answers. [Client.EvaluateFlags] gives the same snapshot again for an
// equal subject, and PostHog is asked once for a flag, except by calls at the
// same time. Values of rc are freed of control characters and cut to 1,000
// characters.
func WithRequestContext(ctx context.Context, rc RequestContext) context.Context {
	return context.WithValue(ctx, requestKey{}, &request{RequestContext: RequestContext{
		DistinctID: sanitize(rc.DistinctID),
		SessionID:  sanitize(rc.SessionID),
	}})
}

// RequestContextFrom gives what [WithRequestContext] put into a context; ok is
// false if nothing.
func RequestContextFrom(ctx context.Context) (rc RequestContext, ok bool) {
	r, ok := ctx.Value(requestKey{}).(*request)
	if !ok {
		return RequestContext{}, false
	}
	return r.RequestContext, true
}

func requestContextOf(ctx context.Context) RequestContext {
	rc, _ := RequestContextFrom(ctx)
	return rc
}

// Middleware begins a request, as [WithRequestContext] does, for each HTTP
// request, with the distinct id and the session of its headers.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := WithRequestContext(r.Context(), RequestContext{
			DistinctID: r.Header.Get(HeaderDistinctID),
			SessionID:  r.Header.Get(HeaderSessionID),
		})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// sanitize makes an identifier of what a stranger sent.
func sanitize(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	n := 0
	for i := range s {
		if n == maxIdentifier {
			return s[:i]
		}
		n++
	}
	return s
}
