package flagcache

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// The prefixes tell the two kinds of keys apart, for people and for scanners.
const (
	signingPrefix = "hfsk_"
	verifyPrefix  = "hfpk_"
)

// SigningKey is a private Ed25519 key: who has it can change what a fleet
// serves. It is hidden when printed or marshalled; only Reveal shows it.
type SigningKey struct{ private ed25519.PrivateKey }

// VerifyKey is a public Ed25519 key. It may be shown to anybody. The zero one is
// none: anybody could sign for it.
type VerifyKey struct{ public [ed25519.PublicKeySize]byte }

// NewSigningKey draws a key from the system's source of randomness.
func NewSigningKey() SigningKey {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic("flagcache: the system has no randomness: " + err.Error())
	}
	return SigningKey{private}
}

// ParseSigningKey reads what Reveal wrote. The error does not contain the text.
func ParseSigningKey(text string) (SigningKey, error) {
	seed, err := parseKey(text, signingPrefix, ed25519.SeedSize)
	if err != nil {
		return SigningKey{}, fmt.Errorf("read signing key: %w", err)
	}
	return SigningKey{ed25519.NewKeyFromSeed(seed)}, nil
}

// ParseVerifyKeys reads public keys, one or several between blanks or line
// breaks, and returns at least one. The error does not contain the text, which
// may be a private key by mistake.
func ParseVerifyKeys(text string) ([]VerifyKey, error) {
	var keys []VerifyKey
	for field := range strings.FieldsSeq(text) {
		public, err := parseKey(field, verifyPrefix, ed25519.PublicKeySize)
		if err != nil {
			return nil, fmt.Errorf("read verify key %d: %w", len(keys)+1, err)
		}
		keys = append(keys, VerifyKey{[ed25519.PublicKeySize]byte(public)})
	}
	if len(keys) == 0 {
		return nil, errors.New("read verify keys: there are none")
	}
	return keys, nil
}

// parseKey says what is wrong without saying what was there.
func parseKey(text, prefix string, size int) ([]byte, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), prefix)
	if !ok {
		for other, name := range map[string]string{signingPrefix: "a private", verifyPrefix: "a public"} {
			if strings.HasPrefix(strings.TrimSpace(text), other) {
				return nil, fmt.Errorf("it is %s key, want one that begins with %s", name, prefix)
			}
		}
		return nil, fmt.Errorf("it does not begin with %s", prefix)
	}
	key, ok := decodeExactly(rest, size)
	if !ok {
		return nil, errors.New("it is damaged or cut off")
	}
	return key, nil
}

// decodeExactly reads size bytes from the one text that stands for them. The
// length is compared first because base64 steps over line breaks.
func decodeExactly(text string, size int) ([]byte, bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(size) {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return b, err == nil && len(b) == size
}

// Reveal is the key as text, one line, to be written where nobody else reads. It
// is empty for the zero key.
func (k SigningKey) Reveal() string {
	if k.private == nil {
		return ""
	}
	return signingPrefix + base64.RawURLEncoding.EncodeToString(k.private.Seed())
}

// Public is the key that verifies what k signs: zero for the zero key.
func (k SigningKey) Public() VerifyKey {
	if k.private == nil {
		return VerifyKey{}
	}
	return VerifyKey{[ed25519.PublicKeySize]byte(k.private.Public().(ed25519.PublicKey))}
}

// String names the key and hides it.
func (k SigningKey) String() string {
	if k.private == nil {
		return "no signing key"
	}
	return "signing key " + k.Public().ID()
}

// Format writes String for every verb, so that no verb reaches the key.
func (k SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText names the key and hides it.
func (k SigningKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue names the key and hides it.
func (k SigningKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// String is the key as text, one line, as ParseVerifyKeys reads it.
func (k VerifyKey) String() string {
	return verifyPrefix + base64.RawURLEncoding.EncodeToString(k.public[:])
}

// ID is a short name of the key, twelve digits, that stands in its signatures.
func (k VerifyKey) ID() string {
	sum := sha256.Sum256(k.public[:])
	return hex.EncodeToString(sum[:6])
}
