package relay

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// access decides who may read the definitions.
type access struct {
	token string
	keyed bool
	key   [sha256.Size]byte // hashed, so that comparing takes one time for every length
}

func newAccess(token, key string) access {
	return access{token: token, keyed: key != "", key: sha256.Sum256([]byte(key))}
}

// refuses makes PostHog's checks in PostHog's order: the project, then the key.
// It returns nil if the request may pass.
func (a access) refuses(req *http.Request) *refusal {
	if token := req.URL.Query().Get("token"); token != "" && token != a.token {
		return &refusal{"authentication_failed", "The provided API key is invalid or has expired. Please check your API key and try again."}
	}
	if !a.keyed {
		return nil
	}
	key, bearer := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	key = strings.TrimSpace(key)
	sum := sha256.Sum256([]byte(key))
	switch {
	case !bearer || key == "":
		return &refusal{"not_authenticated", "Authentication credentials were not provided."}
	case subtle.ConstantTimeCompare(sum[:], a.key[:]) == 1:
		return nil
	case strings.HasPrefix(key, "phs_"):
		return &refusal{"authentication_failed", "Secret API token is invalid."}
	}
	return &refusal{"authentication_failed", "Personal API key is invalid."}
}

// refusal is a 401 in PostHog's words.
type refusal struct{ code, detail string }

func (f *refusal) write(w http.ResponseWriter) {
	writeJSON(w, http.StatusUnauthorized, struct {
		Type   string  `json:"type"`
		Code   string  `json:"code"`
		Detail string  `json:"detail"`
		Attr   *string `json:"attr"`
	}{"authentication_error", f.code, f.detail, nil})
}
