package relay

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hogflags/hogflags/flagcache"
)

// signing says what a project does with signatures.
type signing string

const (
	unsigned signing = ""
	verifies signing = "verifies" // it only reads
	signs    signing = "signs"
)

func (p *Project) signing() signing {
	switch {
	case p.SigningKey.set():
		return signs
	case len(p.VerifyKeys) > 0 || p.VerifyKeysFrom.set():
		return verifies
	}
	return unsigned
}

// checkSigning says what is wrong with a project's keys, as far as can be told
// without reading them.
func (p *Project) checkSigning() error {
	for _, key := range p.VerifyKeys {
		if _, err := flagcache.ParseVerifyKeys(key); err != nil {
			return fmt.Errorf("verify_keys: %w", err)
		}
	}
	switch {
	case p.signing() == unsigned:
		return nil
	case p.Cache == "" && !p.CacheFrom.set():
		return errors.New("keys to sign and verify with need a cache, which is what is signed")
	case p.signing() == verifies && !p.ReadOnly:
		return errors.New("verify_keys: there is no signing key: give one, or attach read only")
	}
	return nil
}

// signingKeys reads the project's keys.
func (p *Project) signingKeys() (keys flagcache.Keys, err error) {
	if p.SigningKey.set() {
		text, err := p.SigningKey.read()
		if err == nil {
			keys.Sign, err = flagcache.ParseSigningKey(text)
		}
		if err != nil {
			return keys, fmt.Errorf("signing_key: %w", err)
		}
	}
	if len(p.VerifyKeys) > 0 {
		if keys.Verify, err = flagcache.ParseVerifyKeys(strings.Join(p.VerifyKeys, "\n")); err != nil {
			return keys, fmt.Errorf("verify_keys: %w", err)
		}
	}
	if p.VerifyKeysFrom.set() {
		text, err := p.VerifyKeysFrom.read()
		if err != nil {
			return keys, fmt.Errorf("verify_keys_from: %w", err)
		}
		more, err := flagcache.ParseVerifyKeys(text)
		if err != nil {
			return keys, fmt.Errorf("verify_keys_from: %w", err)
		}
		keys.Verify = append(keys.Verify, more...)
	}
	return keys, nil
}

// rotate gives the keys to the store, in use: what is served goes on being served.
func (f *feed) rotate(keys flagcache.Keys) error {
	if f.signed == nil {
		return nil
	}
	return f.signed.Rotate(keys)
}

// unproven reports whether a feed that takes over must not take what the former
// one has: it was not signed, and a leader would sign it.
func (of supply) unproven(from *feed) bool {
	return of.signing != unsigned && from.of.signing == unsigned
}

// signatures is which keys are in use, by their ids.
type signatures struct {
	Key     string   `json:"key,omitempty"` // signs
	Trusted []string `json:"trusted"`       // verify, beside the public half of that
}

func (p *project) signatures() *signatures {
	if p.Project.signing() == unsigned {
		return nil
	}
	s := &signatures{Trusted: []string{}}
	if p.SigningKey.set() {
		s.Key = p.signed.Sign.Public().ID()
	}
	for _, key := range p.signed.Verify {
		s.Trusted = append(s.Trusted, key.ID())
	}
	return s
}
