package posthogapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

const (
	// DefaultTimeout bounds one call of a [Client] when [Config.Timeout] is
	// zero.
	DefaultTimeout = 10 * time.Second

	// DefaultMaxBodyBytes bounds a body, after decompression, when
	// [Config.MaxBodyBytes] is zero: 64 MiB.
	DefaultMaxBodyBytes = 64 << 20
)

// Config says which project to ask about, where and with which key. It prints and marshals without its key; a struct that holds a Config
// in an unexported field and is printed with %+v is beyond its reach.
type Config struct {
	// Host is PostHog's address, or that of a relay or reverse proxy, which
	// may have a path. Empty means [DefaultHost]. See [NormalizeHost] for
	// the spellings that are understood.
	Host string

	// ProjectToken is the project's public token (phc_…). Required.
	ProjectToken string

	// SecretKey is a project secret key (phs_…) or a personal API key
	// (phx_…); SecretKeyFunc wins over it. With neither, only [Client.Flags]
	// can be used, which needs no key.
	SecretKey string

	// SecretKeyFunc gives the key for each request, so that a key can be
	// rotated without a restart. It must return when its context ends and
	// must be safe for concurrent use.
	SecretKeyFunc func(context.Context) (string, error)

	// HTTPClient sends the requests. Nil means a client on
	// [http.DefaultTransport]. The client is copied; its CheckRedirect is
	// not used, because redirects to another origin are never followed.
	HTTPClient *http.Client

	// Timeout bounds one call, from the first request to the last byte.
	// Zero means [DefaultTimeout]. A context that ends earlier wins.
	Timeout time.Duration

	// MaxBodyBytes bounds a body after decompression. Zero means
	// [DefaultMaxBodyBytes].
	MaxBodyBytes int64
}

// view is what of a Config may be seen.
type view struct {
	Host         string        `json:"host"`
	ProjectToken string        `json:"project_token"`
	SecretKey    string        `json:"secret_key"`
	Timeout      time.Duration `json:"timeout"`
	MaxBodyBytes int64         `json:"max_body_bytes"`
}

func (c Config) view() view {
	v := view{
		Host:         c.Host,
		ProjectToken: c.ProjectToken,
		SecretKey:    "not set",
		Timeout:      c.Timeout,
		MaxBodyBytes: c.MaxBodyBytes,
	}
	if c.SecretKey != "" || c.SecretKeyFunc != nil {
		v.SecretKey = "[redacted]"
	}
	// Keys put into the wrong field are the likeliest leak of all.
	if looksSecret(c.ProjectToken) {
		v.ProjectToken = "[redacted]"
	}
	if looksSecret(c.Host) || strings.Contains(c.Host, "@") {
		v.Host = "[redacted]"
	}
	return v
}

// String describes c without its key.
func (c Config) String() string { return fmt.Sprintf("%+v", c.view()) }

// Format writes String for every verb, so that no verb reaches the key.
func (c Config) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// MarshalJSON describes c without its key.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.view()) }

// LogValue describes c without its key.
func (c Config) LogValue() slog.Value { return slog.AnyValue(c.view()) }

func (c Config) check() error {
	switch {
	case c.ProjectToken == "":
		return errors.New("config: ProjectToken is empty: set it to the project's token (phc_…)")
	case looksSecret(c.ProjectToken):
		return errors.New("config: ProjectToken holds a secret key: it is the public phc_… token, the secret goes into SecretKey")
	case strings.ContainsFunc(c.ProjectToken, notInHeader) || strings.Contains(c.ProjectToken, " "):
		return errors.New("config: ProjectToken holds a blank or a control character: it is one word (phc_…)")
	case c.Timeout < 0:
		return fmt.Errorf("config: Timeout is negative: %v", c.Timeout)
	case c.MaxBodyBytes < 0:
		return fmt.Errorf("config: MaxBodyBytes is negative: %d", c.MaxBodyBytes)
	}
	if c.SecretKeyFunc == nil && c.SecretKey != "" {
		if _, err := cleanKey(c.SecretKey); err != nil {
			return fmt.Errorf("config: %w", err)
		}
	}
	return nil
}

// keyFunc hides the key in a closure, so that printing a Client cannot show it.
func (c Config) keyFunc() func(context.Context) (string, error) {
	ask := c.SecretKeyFunc
	if ask == nil {
		key := c.SecretKey
		if key == "" {
			return func(context.Context) (string, error) { return "", ErrNoKey }
		}
		ask = func(context.Context) (string, error) { return key, nil }
	}
	return func(ctx context.Context) (string, error) {
		key, err := ask(ctx)
		if err != nil {
			return "", fmt.Errorf("get secret key: %w", err)
		}
		return cleanKey(key)
	}
}

// cleanKey trims what reading a key from a file leaves behind, and refuses
// what could not work. Its errors do not show the key.
func cleanKey(key string) (string, error) {
	key = strings.TrimSpace(key)
	switch {
	case key == "":
		return "", errors.New("secret key is empty: want a project secret key (phs_…) or a personal API key (phx_…)")
	case strings.HasPrefix(key, "phc_"):
		return "", errors.New("secret key is a project token (phc_…), which cannot read definitions: want a phs_… or phx_… key")
	case strings.ContainsFunc(key, notInHeader):
		return "", errors.New("secret key holds a character that an HTTP header cannot carry: it is one line of text")
	}
	return key, nil
}

func looksSecret(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "phs_") || strings.HasPrefix(s, "phx_")
}

func notInHeader(r rune) bool { return r < ' ' || r >= 0x7f }
