// Package cloudflarekv publishes definitions to a namespace of Cloudflare's Workers
// KV, over its REST API, for Workers to read: this package's readers are in edge/,
// and PostHog's own KV example reads the same key. KV has no compare-and-set and no
// lease, so it is a [flagcache.Publisher] and not a store.
package cloudflarekv

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

var _ flagcache.Publisher = (*Namespace)(nil)

// MaxValue is the largest value that KV takes, in bytes.
const MaxValue = 25 << 20

// writeGap is the time between two writes of one key: KV takes one a second.
const writeGap = 1100 * time.Millisecond

// Config says where to publish. Account, Namespace and a token are required. It
// prints and marshals without its token.
type Config struct {
	Account   string // the account's id
	Namespace string // the namespace's id
	Token     string // an API token that may edit Workers KV; it is in no error

	// TokenFunc, if not nil, gives the token in place of Token. It is asked for each
	// request, so the token can change without a restart.
	TokenFunc func(context.Context) (string, error)

	// BaseURL is the address of the API. Empty: https://api.cloudflare.com/client/v4
	BaseURL string

	// HTTPClient sends the requests. Nil: a client on [http.DefaultTransport].
	HTTPClient *http.Client
}

// String describes c without its token.
func (c Config) String() string {
	return fmt.Sprintf("Workers KV of account %s, namespace %s", c.Account, c.Namespace)
}

// Format writes String for every verb, so that no verb reaches the token.
func (c Config) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// MarshalText describes c without its token.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// LogValue describes c without its token.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Namespace is a project's key in a namespace.
type Namespace struct {
	scope  flagcache.Scope
	root   string // of the namespace in the API
	token  func(context.Context) (string, error)
	client *http.Client

	mu        sync.Mutex
	notBefore time.Time // until when the API asks to be left alone

	writing chan struct{} // has a value while somebody writes, who owns what follows
	written time.Time     // when a write was last tried
}

// New makes a publisher. It does no I/O.
func New(scope flagcache.Scope, cfg Config) (*Namespace, error) {
	if err := scope.Validate(); err != nil {
		return nil, err
	}
	switch {
	case cfg.Account == "":
		return nil, errors.New("cloudflarekv: no account id")
	case cfg.Namespace == "":
		return nil, errors.New("cloudflarekv: no namespace id")
	case cfg.Token == "" && cfg.TokenFunc == nil:
		return nil, errors.New("cloudflarekv: no API token: set CLOUDFLARE_API_TOKEN")
	case cfg.TokenFunc == nil:
		cfg.TokenFunc = func(context.Context) (string, error) { return cfg.Token, nil }
	}
	base := strings.TrimRight(cmp.Or(cfg.BaseURL, "https://api.cloudflare.com/client/v4"), "/")
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		return nil, fmt.Errorf("cloudflarekv: the API's address %q is not a URL", base)
	}
	return &Namespace{
		scope:  scope.Canonical(),
		root:   fmt.Sprintf("%s/accounts/%s/storage/kv/namespaces/%s", base, url.PathEscape(cfg.Account), url.PathEscape(cfg.Namespace)),
		token:  cfg.TokenFunc,
		client: cmp.Or(cfg.HTTPClient, &http.Client{}),

		writing: make(chan struct{}, 1),
	}, nil
}

// Scheme begins the URLs that Open takes.
const Scheme = "cloudflare-kv"

// Open makes a publisher for cloudflare-kv://ACCOUNT/NAMESPACE, with the API's
// address of the environment's CLOUDFLARE_API_BASE_URL if that is set. token is a
// [Config].TokenFunc; nil: the environment's CLOUDFLARE_API_TOKEN. It does no I/O.
func Open(rawURL string, scope flagcache.Scope, token func(context.Context) (string, error)) (*Namespace, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != Scheme || u.User != nil || u.RawQuery != "" || u.Host == "" || strings.Count(u.Path, "/") != 1 || len(u.Path) < 2 {
		return nil, fmt.Errorf("cloudflarekv: %w: want cloudflare-kv://ACCOUNT/NAMESPACE", flagcache.ErrURL)
	}
	return New(scope, Config{
		Account: u.Host, Namespace: u.Path[1:],
		Token: os.Getenv("CLOUDFLARE_API_TOKEN"), TokenFunc: token, BaseURL: os.Getenv("CLOUDFLARE_API_BASE_URL"),
	})
}

// Scope is whose definitions these are.
func (n *Namespace) Scope() flagcache.Scope { return n.scope }

// key is that of PostHog's example.
func (n *Namespace) key() string { return url.PathEscape("posthog:flags:" + n.scope.Project) }

// Published reads which document is there. One that hogflags did not write is
// ErrNotFound; one of another host an error, as it shares the key.
func (n *Namespace) Published(ctx context.Context) (head flagcache.Head, err error) {
	err = n.retry(ctx, func() error {
		m, err := n.metadata(ctx)
		head = m.head()
		return err
	})
	return head, err
}

func (n *Namespace) metadata(ctx context.Context) (metadata, error) {
	body, err := n.send(ctx, http.MethodGet, "/metadata/", "", nil)
	if err != nil {
		return metadata{}, fmt.Errorf("read the metadata in Workers KV: %w", err)
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return metadata{}, fmt.Errorf("read the metadata in Workers KV: %w", err)
	}
	var m metadata
	if err := json.Unmarshal(answer.Result, &m); err != nil || !m.usable() {
		return metadata{}, flagcache.ErrNotFound
	}
	if m.Scope != n.scope.Key() {
		return metadata{}, errors.New("cloudflarekv: the key holds definitions from another host: use another namespace")
	}
	return m, nil
}

// Load reads the document that is there. While somebody writes, the document and
// its metadata may be of two writes: that is ErrBadEntry, too.
func (n *Namespace) Load(ctx context.Context) (e *flagcache.Entry, err error) {
	err = n.retry(ctx, func() error {
		m, err := n.metadata(ctx)
		if err != nil {
			return err
		}
		value, err := n.send(ctx, http.MethodGet, "/values/", "", nil)
		if err != nil {
			return fmt.Errorf("read the definitions in Workers KV: %w", err)
		}
		e, err = m.entry(n.scope, value)
		return err
	})
	return e, err
}

// Publish writes an entry, unless a newer one is there. It keeps a second between
// two writes, and repeats a write of which it is not known whether it was made.
func (n *Namespace) Publish(ctx context.Context, e *flagcache.Entry) error {
	if err := e.Verify(n.scope); err != nil {
		return err
	}
	value, m, err := encode(e)
	if err != nil {
		return err
	}
	if len(value) > MaxValue {
		return fmt.Errorf("cloudflarekv: the definitions have %d bytes, and Workers KV takes %d", len(value), MaxValue)
	}
	select {
	case n.writing <- struct{}{}:
		defer func() { <-n.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return n.retry(ctx, func() error {
		there, err := n.metadata(ctx)
		stored := there.head()
		switch {
		case errors.Is(err, flagcache.ErrNotFound):
		case err != nil:
			return err
		case stored.After(e.Position):
			return flagcache.ErrStale
		case stored.Position == e.Position && stored.Revision == e.Revision:
			return nil
		}
		if err := sleep(ctx, writeGap-time.Since(n.written)); err != nil {
			return err
		}
		n.written = time.Now()
		return n.put(ctx, value, m)
	})
}

// put writes once.
func (n *Namespace) put(ctx context.Context, value []byte, m metadata) error {
	about, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, field := range []struct {
		name string
		text []byte
	}{{"value", value}, {"metadata", about}} {
		part, err := form.CreateFormField(field.name)
		if err != nil {
			return err
		}
		if _, err := part.Write(field.text); err != nil {
			return err
		}
	}
	if err := form.Close(); err != nil {
		return err
	}
	_, err = n.send(ctx, http.MethodPut, "/values/", form.FormDataContentType(), body.Bytes())
	if err != nil {
		return fmt.Errorf("write to Workers KV: %w", err)
	}
	return nil
}
