package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// probe asks a relay a question, for images without a shell.
type probe struct {
	URL     string        `env:"HOGFLAGS_ADMIN_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The relay's address for health. Default: ${default}."`
	Timeout time.Duration `default:"3s" placeholder:"TIME" help:"How long to wait. Default: ${default}."`
}

type healthCmd struct{ probe }

// Help is the longer text of --help.
func (*healthCmd) Help() string {
	return `Asks /livez. Exit code 0 if the relay runs, 1 if not.`
}

// Run asks.
func (c *healthCmd) Run(ctx context.Context, std console) error { return c.ask(ctx, std, "/livez") }

type readyCmd struct{ probe }

// Help is the longer text of --help.
func (*readyCmd) Help() string {
	return `Asks /readyz, and prints what each project waits for. Exit code 0 if the relay is ready, 1 if not.`
}

// Run asks.
func (c *readyCmd) Run(ctx context.Context, std console) error {
	return c.ask(ctx, std, "/readyz?verbose")
}

func (p *probe) ask(ctx context.Context, std console, path string) error {
	base, err := url.Parse(p.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return badInput("", "--url %s: want an address such as http://127.0.0.1:8080", p.URL)
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(p.URL, "/")+path, nil)
	if err != nil {
		return badInput("", "%w", err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		if _, err := fmt.Fprintf(std.out, "the relay does not answer: %v\n", err); err != nil {
			return fmt.Errorf("print answer: %w", err)
		}
		return found(exitFinding)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what came is enough
	if _, err := std.out.Write(body); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return found(exitFinding)
	}
	return nil
}
