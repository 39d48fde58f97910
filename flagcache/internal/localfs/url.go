package localfs

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hogflags/hogflags/flagcache"
)

var driveAfterSlash = regexp.MustCompile(`^/[A-Za-z]:`)

// Path is the path in a URL of the form scheme:PATH, absolute or relative, or
// scheme:///PATH. Errors are [flagcache.ErrURL].
func Path(scheme, rawURL string) (string, error) {
	path, ok := strings.CutPrefix(rawURL, scheme+":")
	if !ok {
		return "", fmt.Errorf("%w: want %s:PATH", flagcache.ErrURL, scheme)
	}
	if rest, hasHost := strings.CutPrefix(path, "//"); hasHost {
		path = strings.TrimPrefix(rest, "localhost")
		if !strings.HasPrefix(path, "/") {
			return "", fmt.Errorf("%w: %s://%s names a host: want %s:%s, or %s:///PATH", flagcache.ErrURL, scheme, rest, scheme, rest, scheme)
		}
	}
	if strings.ContainsAny(path, "?#") {
		return "", fmt.Errorf("%w: this store has no parameters: write ? as %%3F and # as %%23 in a path", flagcache.ErrURL)
	}
	path, err := url.PathUnescape(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", flagcache.ErrURL, err)
	case path == "":
		return "", fmt.Errorf("%w: no path: want %s:PATH", flagcache.ErrURL, scheme)
	case strings.Contains(path, "\x00"):
		return "", fmt.Errorf("%w: a zero byte in the path", flagcache.ErrURL)
	case filepath.Separator == '\\' && driveAfterSlash.MatchString(path):
		path = path[1:]
	}
	return filepath.FromSlash(path), nil
}
