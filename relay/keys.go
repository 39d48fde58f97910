package relay

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const hashPrefix = "sha256:"

// NewKey makes a relay key, and the hash of it that a [Config] holds. The key
// has 256 random bits, and the prefix by which SDKs know a secret key.
func NewKey() (key, hash string) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	key = "phs_relay_" + base64.RawURLEncoding.EncodeToString(random[:])
	return key, HashKey(key)
}

// HashKey is the hash of a relay key, as a [Config] holds it.
func HashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hashPrefix + hex.EncodeToString(sum[:])
}

// keyHash is the SHA-256 of a relay key, which has so much entropy that no salt
// is needed.
type keyHash [sha256.Size]byte

func hashOf(b []byte) keyHash { return sha256.Sum256(b) }

var errNoHash = errors.New(`a key is to be given by its hash, "sha256:" and 64 hex digits: hogflags relay-key makes both`)

func parseKeyHash(text string) (h keyHash, err error) {
	digits, ok := strings.CutPrefix(text, hashPrefix)
	if b, err := hex.DecodeString(digits); ok && err == nil && len(b) == len(h) {
		return keyHash(b), nil
	}
	return h, errNoHash // the text may be a key
}

// keyring is a project's relay keys.
type keyring []keyHash

// newKeyring takes keys of the config, and those of a file or a variable: one a
// line, as hashes or in clear; # begins a comment.
// name is what the config calls them.
func newKeyring(name string, hashes []string, from Source) (keyring, error) {
	var ring keyring
	for _, text := range hashes {
		h, err := parseKeyHash(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		ring = append(ring, h)
	}
	if !from.set() {
		return ring, nil
	}
	text, err := from.read()
	if err != nil {
		return nil, fmt.Errorf("%s_from: %w", name, err)
	}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			continue
		case strings.HasPrefix(line, hashPrefix):
			h, err := parseKeyHash(line)
			if err != nil {
				return nil, fmt.Errorf("%s_from: %w", name, err)
			}
			ring = append(ring, h)
		default:
			ring = append(ring, sha256.Sum256([]byte(line)))
		}
	}
	if len(ring) == 0 {
		return nil, fmt.Errorf("%s_from: %s has no key", name, from)
	}
	return ring, nil
}

// has reports whether h is one of the keys. It looks at all of them, whichever
// it is.
func (r keyring) has(h *keyHash) bool {
	found := 0
	for i := range r {
		found |= subtle.ConstantTimeCompare(r[i][:], h[:])
	}
	return found == 1
}

// bearer is the key that a request presents: what follows the exact text
// "Bearer ", as with PostHog. Empty: none.
func bearer(authorization string) string {
	key, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		return ""
	}
	return strings.TrimSpace(key)
}
