package relay_test

import (
	"net/netip"
)

var loopbackNet = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
