package cloudflarekv

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

const (
	attempts       = 5
	attemptTimeout = 15 * time.Second
	maxWait        = time.Minute // however long the API asks for
	maxAnswer      = MaxValue + 1<<20
)

// apiError is an answer of the API that is not a success.
type apiError struct {
	status     int
	message    string
	retryAfter time.Duration
}

func (e *apiError) Error() string {
	s := fmt.Sprintf("Cloudflare answered %d", e.status)
	if e.message != "" {
		s += ": " + e.message
	}
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		s += " (the API token must be one that may edit Workers KV of this account)"
	}
	return s
}

// passing reports whether it may work later.
func (e *apiError) passing() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout || e.status >= 500
}

// retry repeats a step for as long as its failure may pass, and begins when the
// API does not ask to be left alone any more, whichever call it told so.
func (n *Namespace) retry(ctx context.Context, step func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if until := n.leftAlone(0); sleep(ctx, time.Until(until)) != nil {
		return fmt.Errorf("left alone until %s, as Cloudflare asked: %w", until.UTC().Format(time.RFC3339), ctx.Err())
	}
	wait := writeGap
	for attempt := 1; ; attempt++ {
		err := step()
		if err == nil || attempt == attempts || ctx.Err() != nil {
			return err
		}
		pause := wait + rand.N(wait/2)
		if answer, ok := errors.AsType[*apiError](err); ok {
			if !answer.passing() {
				return err
			}
			pause = max(pause, time.Until(n.leftAlone(answer.retryAfter)))
		} else if !errors.Is(err, errSend) {
			return err
		}
		if sleep(ctx, pause) != nil {
			return err
		}
		wait *= 2
	}
}

// leftAlone is until when the API is to be left alone: at least for so long from
// now.
func (n *Namespace) leftAlone(atLeast time.Duration) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	if until := time.Now().Add(atLeast); until.After(n.notBefore) {
		n.notBefore = until
	}
	return n.notBefore
}

// errSend is a request to which no whole answer came.
var errSend = errors.New("no answer from Cloudflare")

// send makes one request about the key. ErrNotFound if it reads and the key is
// not there.
func (n *Namespace) send(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	bounded, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, method, n.root+path+n.key(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	token, err := n.token(bounded)
	if err != nil {
		return nil, fmt.Errorf("read the API token: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSend, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode == http.StatusOK && err == nil {
		return answer, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSend, err)
	}
	if method == http.MethodGet && resp.StatusCode == http.StatusNotFound {
		return nil, flagcache.ErrNotFound
	}
	return nil, newAPIError(resp, answer)
}

func newAPIError(resp *http.Response, body []byte) *apiError {
	e := &apiError{status: resp.StatusCode}
	var answer struct {
		Errors []struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	_ = json.Unmarshal(body, &answer) // a proxy's answer is not JSON
	var messages []string
	for _, m := range answer.Errors {
		messages = append(messages, fmt.Sprintf("%s (code %d)", cmp.Or(m.Message, "no message"), m.Code))
	}
	e.message = strings.Join(messages, ", ")
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.retryAfter = time.Duration(min(seconds, int(maxWait/time.Second))) * time.Second
	}
	return e
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
