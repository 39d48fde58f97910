package relay

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// PostHog's own texts: SDKs tell by them what is the matter, and whether it is
// PostHog that speaks.
const (
	textUnavailable  = "A service dependency is temporarily unavailable. This is likely a temporary issue. Please try again later."
	textTimeout      = "The request timed out. This could be due to high load or network issues. Please try again later."
	textNoDistinctID = "The distinct_id field is missing from the request. Please include a valid identifier."

	detailNoToken     = "No API token provided. Please include a valid API token in your request."
	detailBadToken    = "The provided API key is invalid or has expired. Please check your API key and try again."
	detailNoKey       = "Authentication credentials were not provided."
	detailBadSecret   = "Secret API token is invalid."
	detailBadPersonal = "Personal API key is invalid."
	detailRateLimited = "Rate limit exceeded"
)

// apiError is the shape of PostHog's errors in JSON.
type apiError struct {
	Type   string  `json:"type"`
	Code   string  `json:"code"`
	Detail string  `json:"detail"`
	Attr   *string `json:"attr"`
}

func unauthorized(w http.ResponseWriter, code, detail string) {
	writeJSON(w, http.StatusUnauthorized, apiError{Type: "authentication_error", Code: code, Detail: detail})
}

func badToken(w http.ResponseWriter) { unauthorized(w, "authentication_failed", detailBadToken) }

func rateLimited(w http.ResponseWriter) {
	writeJSON(w, http.StatusTooManyRequests, apiError{Type: "validation_error", Code: "rate_limit_exceeded", Detail: detailRateLimited})
}

func writeText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // an error: the client has gone
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		writeText(w, http.StatusInternalServerError, "An internal server error occurred")
		return
	}
	writeBody(w, status, body)
}

// Values of headers that nearly every answer has, made once. Nothing changes them.
var (
	contentJSON = []string{"application/json"}
	varyOrigin  = []string{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
	byLocal     = []string{"local"}
	byMerged    = []string{"merged"}
)

// writeBody sends JSON.
func writeBody(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentJSON
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
