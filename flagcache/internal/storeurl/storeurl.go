// Package storeurl reads the URLs of stores, which may hold passwords.
package storeurl

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/hogflags/hogflags/flagcache"
)

// errEscape says no more than this: where a character of a password had to be
// escaped and was not, the rest of the password may be in any part of the URL.
var errEscape = errors.New("it is no URL: what is special in a user name or a password has to be escaped, such as @ / ? # % as %40 %2F %3F %23 %25")

// Parse reads a URL and its parameters, all of them: what cannot be read is not
// left out, as the drivers do. Errors are [flagcache.ErrURL] and quote nothing.
func Parse(rawURL string) (*url.URL, url.Values, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Fragment != "" {
		return nil, nil, fmt.Errorf("%w: %w", flagcache.ErrURL, errEscape)
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: its parameters cannot be read: want name=value with & in between, escaped", flagcache.ErrURL)
	}
	return u, parameters, nil
}

// Detail is what a driver says about a URL that Parse has read, as a
// [flagcache.ErrURL]: drivers quote all but the password, as far as they see one.
func Detail(u *url.URL, err error) error {
	if strings.Contains(u.Path+u.RawQuery, "@") {
		err = errEscape
	}
	return fmt.Errorf("%w: %w", flagcache.ErrURL, err)
}
