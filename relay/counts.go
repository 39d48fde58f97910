package relay

import "sync/atomic"

// counts is what a feed's definitions were used for.
type counts struct {
	local, remote, failed atomic.Uint64 // flags
	asked                 atomic.Uint64 // requests to PostHog
}

// add counts an answer.
func (c *counts) add(o *answer) {
	c.local.Add(uint64(len(o.local)))
	if !o.asked && len(o.open) == 0 {
		return
	}
	c.remote.Add(uint64(len(o.remote)))
	c.failed.Add(uint64(len(o.failed())))
	if o.asked {
		c.asked.Add(1)
	}
}
