package posthogapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// RemoteConfig asks for the payload of a remote config flag, decrypted by
// PostHog if it is encrypted. It is as stored, usually a JSON string that holds
// JSON. The client needs a key that may read feature flags: [ErrNoKey].
//
// It blocks as [Client.Definitions] does. A flag that does not exist is a
// [*StatusError] with the status 404 in PostHog's words.
func (c *Client) RemoteConfig(ctx context.Context, flag string) (json.RawMessage, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	key, err := c.secret(bounded)
	if err != nil {
		return nil, fmt.Errorf("fetch remote config: %w", err)
	}
	payload, err := c.remoteConfig(bounded, flag, key)
	if err != nil {
		err = withoutKey(c.inTime(ctx, err), key)
		return nil, fmt.Errorf("fetch remote config %q from %s: %w", flag, c.host, err)
	}
	return payload, nil
}

func (c *Client) remoteConfig(ctx context.Context, flag, key string) (json.RawMessage, error) {
	if flag == "" || flag == "." || flag == ".." {
		return nil, errors.New("that is no flag's key")
	}
	address := c.host + "/api/projects/@current/feature_flags/" + url.PathEscape(flag) + "/remote_config?token=" + url.QueryEscape(c.token)
	req, err := newRequest(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp, key)
	}
	body, err := c.readAnswer(resp, 0)
	if err != nil {
		return nil, err
	}
	if !json.Valid(body) {
		fail := newStatusError(resp, body, key, time.Now())
		fail.Kind, fail.Detail = NotPostHog, "the body is not JSON: "+fail.Detail
		return nil, fail
	}
	if !present(body) {
		return nil, nil
	}
	return body, nil
}
