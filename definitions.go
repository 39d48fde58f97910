package hogflags

import "github.com/hogflags/hogflags/loader"

// Definitions is a definitions document as PostHog sent it. Do not change its
// Body.
type Definitions = loader.Definitions

// Definitions is the document that evaluations answer from, byte for byte. It
// is false while there is none, and always without [Config.KeepDefinitions]. It
// does not block.
func (c *Client) Definitions() (Definitions, bool) { return c.loader.Definitions() }

// ProjectToken is the token of the project whose flags the client answers for.
func (c *Client) ProjectToken() string { return c.project }
