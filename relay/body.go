package relay

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/klauspost/compress/gzip"
)

var errTooLarge = errors.New("length limit exceeded")

// decodingError is why a body cannot be read, in PostHog's words. PostHog reads
// more than JSON, so only some of these are certain to be its answer, too.
type decodingError struct {
	what    string
	certain bool
}

func (e *decodingError) Error() string {
	return fmt.Sprintf("Failed to decode request: %s. Please check your request format and try again.", e.what)
}

// decodeBody undoes what a client may have wrapped its JSON in, as PostHog does:
//
//	application/json, text/plain or no type: gzip, by the parameter, the header or
//	its first bytes; then JSON, or base64 of it
//	application/x-www-form-urlencoded: data=, then base64
//
// The JSON has at most limit bytes. It is not looked into.
func decodeBody(body []byte, h http.Header, compression string, limit int64) ([]byte, error) {
	contentType := h.Get("Content-Type")
	if contentType == "" {
		contentType = "application/json"
	}
	zipped, known := isGzip(compression)
	media, _, _ := strings.Cut(contentType, ";")
	switch strings.TrimSpace(media) {
	case "application/json", "text/plain":
		switch {
		case !known:
			return nil, &decodingError{"Unsupported compression type", true}
		case zipped,
			compression == "" && strings.Contains(h.Get("Content-Encoding"), "gzip"),
			len(body) >= 2 && body[0] == 0x1f && body[1] == 0x8b:
			var err error
			if body, err = gunzip(body, limit); err != nil {
				return nil, err
			}
		}
		if looksLikeJSON(body) {
			return body, nil
		}
		return decodeBase64(string(body))
	case "application/x-www-form-urlencoded":
		switch {
		case zipped:
			return nil, &decodingError{"Gzip compression not supported for form-urlencoded data", true}
		case !known:
			return nil, &decodingError{"Unsupported compression type", true}
		}
		form, err := url.PathUnescape(string(body)) // a plus is base64's
		if err != nil {
			return nil, &decodingError{"Failed to URL decode form data", false}
		}
		if data, ok := strings.CutPrefix(form, "data="); ok {
			form, _, _ = strings.Cut(data, "=") // what follows is padding
		}
		return decodeBase64(form)
	}
	return nil, &decodingError{"unsupported content type: " + contentType, true}
}

// isGzip reads the parameter compression. It is not known if PostHog would
// refuse it.
func isGzip(compression string) (zipped, known bool) {
	switch compression {
	case "gzip", "gzip-js":
		return true, true
	case "", "base64":
		return false, true
	}
	return false, false
}

func gunzip(body []byte, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, &decodingError{"gzip decompression failed: " + err.Error(), false}
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(io.LimitReader(z, limit+1))
	switch {
	case int64(b.Len()) > limit:
		return nil, errTooLarge
	case err != nil:
		return nil, &decodingError{"gzip decompression failed: " + err.Error(), false}
	}
	return b.Bytes(), nil
}

func looksLikeJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] == '{'
}

// decodeBase64 is lenient with blanks, percent signs and missing padding.
func decodeBase64(text string) ([]byte, error) {
	text, err := url.PathUnescape(text)
	if err != nil {
		return nil, errNotJSON
	}
	text = strings.ReplaceAll(text, " ", "")
	if short := len(text) % 4; short > 0 {
		text += strings.Repeat("=", 4-short)
	}
	if strings.ContainsAny(text, "\r\n") {
		return nil, errNotJSON // Go would step over them
	}
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errNotJSON
	}
	return body, nil
}
