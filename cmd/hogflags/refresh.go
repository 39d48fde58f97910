package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hogflags/hogflags/posthogapi"
)

type refreshCmd struct {
	Relay   string        `arg:"" placeholder:"URL" help:"The relay."`
	Project string        `placeholder:"NAME" help:"One project alone, by its name in the relay's configuration."`
	KeyFile string        `env:"HOGFLAGS_OPERATOR_KEY_FILE" placeholder:"FILE" help:"File that holds an operator key. Or give the key in HOGFLAGS_OPERATOR_KEY."`
	Timeout time.Duration `default:"20s" help:"How long to wait for the relay."`
}

// Help is the longer text of --help.
func (*refreshCmd) Help() string {
	return `Prints each project's revision once what PostHog answered is served. In a fleet any of the relays will do.

Exit codes:

    0  PostHog has answered, for each project
    2  the command line, the key or the relay's address cannot be used
    4  PostHog or the relay did not answer well`
}

// Run asks the relay.
func (c *refreshCmd) Run(ctx context.Context, std console) error {
	key := os.Getenv("HOGFLAGS_OPERATOR_KEY")
	if c.KeyFile != "" {
		text, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return badInput("", "read key: %w", err)
		}
		key = string(text)
	}
	if key = strings.TrimSpace(key); key == "" {
		return badInput("", "no operator key: name its file by --key-file, or set HOGFLAGS_OPERATOR_KEY")
	}
	host, err := posthogapi.NormalizeHost(c.Relay)
	if err != nil {
		return badInput("", "%w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	address := host + "/refresh"
	if c.Project != "" {
		address += "?project=" + url.QueryEscape(c.Project)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, http.NoBody)
	if err != nil {
		return badInput("", "%w", err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return &stop{code: exitUpstream, err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return &stop{code: exitUpstream, err: err}
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusBadGateway:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return badInput("", "the relay answered %s: %s", resp.Status, strings.TrimSpace(string(body)))
	default:
		return &stop{code: exitUpstream, err: fmt.Errorf("the relay answered %s: %s", resp.Status, strings.TrimSpace(string(body)))}
	}
	var report struct {
		Projects []struct {
			Name, Revision, Error string
			Changed               bool
		}
	}
	if err := json.Unmarshal(body, &report); err != nil {
		return &stop{code: exitUpstream, err: fmt.Errorf("%s is no relay: %w", host, err)}
	}
	var failed error
	for _, p := range report.Projects {
		state := "unchanged"
		switch {
		case p.Error != "":
			state = p.Error
			failed = errors.New("not all projects are refreshed")
		case p.Changed:
			state = "changed"
		}
		if _, err := fmt.Fprintf(std.out, "%s  %.12s  %s\n", p.Name, p.Revision, state); err != nil {
			return err
		}
	}
	if failed != nil {
		return &stop{code: exitUpstream, err: failed}
	}
	return nil
}
