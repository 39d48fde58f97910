package posthogapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

const (
	definitionsPath = "/flags/definitions"
	// legacyPath is where PostHog served definitions before, and where older
	// self-hosted ones still do.
	legacyPath = "/api/feature_flag/local_evaluation/"

	maxRedirects  = 5
	maxErrorBytes = 64 << 10
)

// Client asks PostHog about one project. It is safe for concurrent use,
// holds nothing that needs closing and starts no goroutine of its own.
type Client struct {
	host    string
	token   string
	key     func(context.Context) (string, error)
	http    http.Client
	timeout time.Duration
	maxBody int64
	legacy  atomic.Bool            // the legacy path is the one that answers
	size    atomic.Int64           // of the last document
	lastKey atomic.Pointer[string] // what an answer to a request without it must not show either
}

// New makes a client. It sends nothing.
func New(cfg Config) (*Client, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	host, err := NormalizeHost(cfg.Host)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	c := &Client{
		host:    host,
		token:   cfg.ProjectToken,
		key:     cfg.keyFunc(),
		timeout: cfg.Timeout,
		maxBody: cfg.MaxBodyBytes,
	}
	if cfg.HTTPClient != nil {
		c.http = *cfg.HTTPClient
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if c.maxBody == 0 {
		c.maxBody = DefaultMaxBodyBytes
	}
	c.maxBody = min(c.maxBody, math.MaxInt64-1) // one more is read, to see the excess
	if cfg.SecretKeyFunc == nil {
		key := strings.TrimSpace(cfg.SecretKey)
		c.lastKey.Store(&key)
	}
	// net/http would take the key along to another port or a subdomain.
	c.http.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		// A POST that becomes a GET gets an answer to a question that was not asked.
		if len(via) > maxRedirects || next.Method != via[0].Method || !sameOrigin(via[len(via)-1].URL, next.URL) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return c, nil
}

// Host is the normalized host that the client asks.
func (c *Client) Host() string { return c.host }

// Definitions is an answer of the definitions endpoint.
type Definitions struct {
	// Body is the document, byte for byte as the server made it before
	// compression. It is nil when NotModified, and the caller's to keep.
	Body []byte

	// ETag is the validator that belongs to the document, verbatim; empty
	// when the server sent none. With NotModified it is the one to use from
	// now on.
	ETag string

	// NotModified says that the document that belongs to the ETag sent is
	// still the current one.
	NotModified bool

	// Streams says that the host is a relay that streams its changes: see
	// [Client.FollowChanges].
	Streams bool
}

// Definitions asks for the definitions. With an etag the request is
// conditional: pass one only while holding the document that it came with.
//
// It blocks until the answer has been read whole, the context ends or
// [Config.Timeout] has passed. An answer other than 200 and 304, or a 200
// that cannot be a definitions document, is a [*StatusError]; a body that
// breaks off is an error. The document itself is not parsed.
func (c *Client) Definitions(ctx context.Context, etag string) (Definitions, error) {
	d, err := c.definitions(ctx, etag)
	if err != nil {
		return Definitions{}, fmt.Errorf("fetch definitions from %s: %w", c.host, err)
	}
	return d, nil
}

func (c *Client) definitions(ctx context.Context, etag string) (Definitions, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	key, err := c.secret(bounded)
	if err != nil {
		return Definitions{}, err
	}
	first, second := definitionsPath, legacyPath
	if c.legacy.Load() {
		first, second = second, first
	}
	d, err := c.get(bounded, first, key, etag)
	if isNotFound(err) {
		var again error
		d, again = c.get(bounded, second, key, etag)
		if again == nil {
			c.legacy.Store(second == legacyPath)
		}
		if !isNotFound(again) {
			err = again
		}
	}
	return d, withoutKey(c.inTime(ctx, err), key)
}

// secret is the key to send.
func (c *Client) secret(ctx context.Context) (string, error) {
	key, err := c.key(ctx)
	if err == nil {
		c.lastKey.Store(&key)
	}
	return key, err
}

// inTime says so in err if it was the client's own limit that ended a call.
func (c *Client) inTime(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("no answer within %v: %w", c.timeout, err)
	}
	return err
}

func (c *Client) get(ctx context.Context, path, key, etag string) (Definitions, error) {
	address := c.host + path + "?token=" + url.QueryEscape(c.token) + "&send_cohorts"
	req, err := newRequest(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Definitions{}, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Definitions{}, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()

	streams := resp.Header.Get(changesHeader) == changesPath
	switch {
	case resp.StatusCode == http.StatusOK:
		d, err := c.document(resp, key)
		d.Streams = streams && err == nil
		return d, err
	case resp.StatusCode == http.StatusNotModified && etag != "":
		d := Definitions{ETag: etag, NotModified: true, Streams: streams}
		if newer := resp.Header.Get("ETag"); newer != "" {
			d.ETag = newer
		}
		return d, nil
	}
	return Definitions{}, refusal(resp, key)
}

// newRequest makes a request with the headers that all have.
func newRequest(ctx context.Context, method, address string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, withoutURL(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip") // set here, net/http leaves the body alone
	req.Header.Set("User-Agent", "hogflags")
	return req, nil
}

// refusal is the error for an answer with another status than was asked for.
func refusal(resp *http.Response, key string) error {
	body, _ := readBody(resp, maxErrorBytes, 0) // what arrived is enough to name the failure
	fail := newStatusError(resp, body, key, time.Now())
	if where := resp.Header.Get("Location"); where != "" && fail.Kind == NotPostHog {
		fail.Detail = redirectDetail(resp, where)
	}
	return fail
}

// readAnswer reads the body of a 200 whole, of which about likely bytes are
// expected.
func (c *Client) readAnswer(resp *http.Response, likely int64) ([]byte, error) {
	body, err := readBody(resp, c.maxBody, likely)
	if errors.Is(err, errTooLarge) {
		return nil, &StatusError{
			StatusCode: resp.StatusCode,
			Kind:       TooLarge,
			Detail:     fmt.Sprintf("the body exceeds %d bytes", c.maxBody),
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	return body, nil
}

func (c *Client) document(resp *http.Response, key string) (Definitions, error) {
	body, err := c.readAnswer(resp, c.size.Load())
	if err != nil {
		return Definitions{}, err
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		fail := newStatusError(resp, body, key, time.Now())
		fail.Detail = "the body is not a JSON object: " + fail.Detail
		return Definitions{}, fail
	}
	c.size.Store(int64(len(body)))
	return Definitions{Body: body, ETag: resp.Header.Get("ETag")}, nil
}

var errTooLarge = errors.New("body too large")

// readBody undoes gzip and reads at most limit bytes of what comes out. About
// likely bytes are expected. It returns what it has read also with an error.
func readBody(resp *http.Response, limit, likely int64) ([]byte, error) {
	var r io.Reader = resp.Body
	switch encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("decompress: %w", err)
		}
		r = z
	default:
		return nil, fmt.Errorf("content encoding %q was not asked for", encoding)
	}
	var body bytes.Buffer
	// To grow on the way would take several times the memory. What is a little
	// larger than the last time still fits.
	body.Grow(int(min(likely+likely/16, limit)) + bytes.MinRead)
	_, err := body.ReadFrom(io.LimitReader(r, limit+1))
	if int64(body.Len()) > limit {
		return body.Bytes()[:limit], errTooLarge
	}
	return body.Bytes(), err
}

func isNotFound(err error) bool {
	se, ok := errors.AsType[*StatusError](err)
	return ok && se.StatusCode == http.StatusNotFound
}

// withoutURL drops the URL, which holds the token, from an error of net/http.
func withoutURL(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}

// withoutKey guards against a transport that quotes the request's headers. The
// chain of such an error is given up, because any link could quote them.
func withoutKey(err error, key string) error {
	if err == nil || key == "" || !strings.Contains(err.Error(), key) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), key, "[redacted]"))
}

// redirectDetail names the target of a redirect without its path and query.
func redirectDetail(resp *http.Response, location string) string {
	from := resp.Request.URL
	to, err := from.Parse(location)
	switch {
	case err != nil || to.Host == "":
		return "it redirects to an address that is not valid"
	case sameOrigin(from, to) && resp.Request.Method != http.MethodGet && resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect:
		return "it redirects the POST to " + to.Path + ", where it would arrive as a GET: set Host to the address that answers"
	case sameOrigin(from, to):
		return fmt.Sprintf("it redirects more than %d times", maxRedirects)
	}
	return "it redirects to " + to.Scheme + "://" + to.Host + ", which is not followed: set Host to the address that answers"
}
