package hogflags

import (
	"errors"

	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/rules"
)

// Definitions is a definitions document as PostHog sent it, with its ETag and
// its revision. Do not change its Body.
type Definitions = loader.Definitions

// ErrDefinitionsNotKept is returned by [Client.Definitions] of a client that
// drops the document once it is compiled.
var ErrDefinitionsNotKept = errors.New("the client does not keep its definitions: set Config.KeepDefinitions")

// Definitions is the document that evaluations answer from, byte for byte. The
// error is [ErrNotReady] or [ErrDefinitionsNotKept]. It does not block.
func (c *Client) Definitions() (Definitions, error) {
	if !c.keeps {
		return Definitions{}, ErrDefinitionsNotKept
	}
	if d, ok := c.loader.Definitions(); ok {
		return d, nil
	}
	return Definitions{}, c.notReady()
}

// Rules is what evaluations answer from, for code that evaluates by itself:
// nothing is asked of PostHog, and nothing reported. It is nil until there are
// definitions, and does not block.
func (c *Client) Rules() *rules.Set {
	if c.loader == nil {
		return nil
	}
	return c.loader.Rules()
}

// ProjectToken is the token of the project whose flags the client answers for.
func (c *Client) ProjectToken() string { return c.project }
