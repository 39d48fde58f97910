package main

import (
	"os"
	"strings"

	"github.com/hogflags/hogflags/flagcache"
)

// keyFiles are where the keys of a signed store are. Keys themselves come from
// files and the environment alone: others can see arguments.
type keyFiles struct {
	SigningKey string   `env:"HOGFLAGS_SIGNING_KEY_FILE" placeholder:"FILE" help:"Sign what is stored, with the private key in this file. Or give the key itself in HOGFLAGS_SIGNING_KEY."`
	VerifyKey  []string `env:"HOGFLAGS_VERIFY_KEY_FILE" placeholder:"FILE" help:"Take only what was signed with a key whose public half is in this file; may be repeated. Or give the keys in HOGFLAGS_VERIFY_KEY."`
}

const signingKeyVariable = "HOGFLAGS_SIGNING_KEY"

// keys reads what was given. Without any, entries are not signed.
func (k keyFiles) keys() (keys flagcache.Keys, given bool, err error) {
	private, err := keyText("--signing-key", k.SigningKey, signingKeyVariable)
	if err == nil && private != "" {
		given = true
		if keys.Sign, err = flagcache.ParseSigningKey(private); err != nil {
			err = badInput("", "%w; make one by hogflags keygen", err)
		}
	}
	if err != nil {
		return keys, false, err
	}
	var public strings.Builder
	for _, file := range append(k.VerifyKey, "") { // the last one is the environment
		text, err := keyText("--verify-key", file, "HOGFLAGS_VERIFY_KEY")
		if err != nil {
			return keys, false, err
		}
		public.WriteString(text + "\n")
	}
	if strings.TrimSpace(public.String()) == "" {
		return keys, given, nil
	}
	if keys.Verify, err = flagcache.ParseVerifyKeys(public.String()); err != nil {
		return keys, false, badInput("", "%w; make one by hogflags keygen", err)
	}
	return keys, true, nil
}

// keyText reads a file or, without one, a variable. A key where a name should be
// is not repeated in the error.
func keyText(flag, file, variable string) (string, error) {
	switch {
	case strings.HasPrefix(file, "hfsk_"), strings.HasPrefix(file, "hfpk_"):
		return "", badInput("", "%s is a key: others can see arguments, so give the name of a file that holds it, or set %s", flag, variable)
	case file == "":
		return os.Getenv(variable), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", badInput("", "read key: %w; make one by hogflags keygen", err)
	}
	return string(text), nil
}
