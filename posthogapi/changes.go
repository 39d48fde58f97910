package posthogapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	changesPath   = "/hogflags/v1/changes"
	changesHeader = "X-Hogflags-Changes"
)

// changesSilence is how long a stream of changes may say nothing: a relay sends a
// comment every 15 s.
const changesSilence = 45 * time.Second

// FollowChanges reads the stream of changes of a host whose [Definitions] have
// Streams, and calls changed for each event: one at once, and one after each
// change of the definitions. It blocks until the stream ends, falls silent for
// 45 s or ctx ends, and always returns an error.
func (c *Client) FollowChanges(ctx context.Context, changed func()) error {
	key, err := c.secret(ctx)
	if err == nil {
		err = withoutKey(c.followChanges(ctx, key, changed), key)
	}
	return fmt.Errorf("follow changes of %s: %w", c.host, err)
}

func (c *Client) followChanges(ctx context.Context, key string, changed func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(changesSilence, func() { cancel(fmt.Errorf("nothing was heard for %v", changesSilence)) })
	defer silence.Stop()
	req, err := newRequest(ctx, http.MethodGet, c.host+changesPath+"?token="+url.QueryEscape(c.token), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Accept-Encoding", "identity") // a stream that is compressed is held back
	client := c.http
	client.Timeout = 0 // it is for answers that end
	resp, err := client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return refusal(resp, key)
	}
	told := false
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		silence.Reset(changesSilence)
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "data:"):
			told = true
		case line == "" && told:
			told = false
			changed()
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("the stream has ended")
}
