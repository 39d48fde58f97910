package flagcache

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What a signature is over begins with one of these, so that none counts for
// anything else.
const (
	entryDomain = "hogflags signed entry 1"
	pinDomain   = "hogflags signed pin 1"
)

// statement is what is signed: fields, each with its length before it, so that
// no two lists of fields give the same bytes.
type statement []byte

func newStatement(domain string, s Scope) statement {
	c := s.Canonical()
	return statement(nil).text(domain).text(c.Project).text(c.Host).number(Schema)
}

func (b statement) text(s string) statement {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...)
}

func (b statement) number(n uint64) statement { return binary.BigEndian.AppendUint64(b, n) }

// time is as precise as stores are.
func (b statement) time(t time.Time) statement {
	if t.IsZero() {
		return b.number(0)
	}
	return b.number(uint64(t.UnixMicro()))
}

// entryStatement covers the document through its revision, which is its hash.
func entryStatement(s Scope, h Head) statement {
	return newStatement(entryDomain, s).text(h.ETag).number(h.Epoch).number(h.Seq).text(string(h.Revision[:])).
		time(h.FetchedAt).time(h.CheckedAt)
}

func pinStatement(s Scope, p Pin) statement {
	return newStatement(pinDomain, s).number(p.Number).text(string(p.Revision[:])).text(p.By).text(p.Why).time(p.At)
}

const algorithm = "ed25519"

// sign returns "ed25519:KEY:SIGNATURE".
func (k SigningKey) sign(b statement) string {
	return algorithm + ":" + k.Public().ID() + ":" + base64.RawURLEncoding.EncodeToString(ed25519.Sign(k.private, b))
}

// SignedBy is the ID of the key that a signature claims to be made with, empty
// if it is none.
func SignedBy(signature string) string {
	id, _ := cutSignature(signature)
	return id
}

// cutSignature takes apart what sign wrote; both are empty if it is none.
func cutSignature(signature string) (id, sig string) {
	rest, ok := strings.CutPrefix(signature, algorithm+":")
	if !ok {
		return "", ""
	}
	if id, sig, ok = strings.Cut(rest, ":"); !ok {
		return "", ""
	}
	return id, sig
}

// verify reports why the signature does not prove that b was signed with one of
// the keys.
func verify(keys []VerifyKey, b statement, signature string) error {
	if signature == "" {
		return errors.New("not signed")
	}
	id, text := cutSignature(signature)
	sig, ok := decodeExactly(text, ed25519.SignatureSize)
	if id == "" || !ok {
		return errors.New("its signature is malformed")
	}
	known := false
	for _, k := range keys {
		if k.ID() != id {
			continue
		}
		if known = true; ed25519.Verify(k.public[:], b, sig) {
			return nil
		}
	}
	if !known {
		return fmt.Errorf("signed with key %.12q, which is not trusted", id)
	}
	return errors.New("its signature does not match")
}
