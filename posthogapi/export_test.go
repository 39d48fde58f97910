package posthogapi

// ParseFlags is for tests.
var ParseFlags = parseFlags
