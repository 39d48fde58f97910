package relay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// Whatever arrives, decoding ends, within its limit, in JSON, in PostHog's words
// or at the limit; and what was understood is sent on as the same.
func FuzzDecode(f *testing.F) {
	const plain = `{"token":"phc_x","distinct_id":"a","flag_keys":["b"],"person_properties":{"n":1.50,"t":"\u00e4"}}`
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(plain))
	_ = z.Close()
	base := base64.StdEncoding.EncodeToString([]byte(plain))
	f.Add([]byte(plain), "application/json", "", "", "v=2")
	f.Add(zipped.Bytes(), "text/plain", "gzip", "gzip", "v=1&config=false")
	f.Add([]byte(base), "", "", "base64", "v=2&compression=base64")
	f.Add([]byte("data="+base), "application/x-www-form-urlencoded", "", "", "v=3")
	f.Add([]byte(`{"distinct_id":1e400,"$distinct_id":null}`), "application/json; charset=x", "", "lz64", "%zz")
	f.Add([]byte(`{"distinct_id":[],"groups":{"a":1},"group_properties":{"a":{}}}`), "", "deflate", "gzip-js", "v=2&v=3")
	f.Fuzz(func(t *testing.T, body []byte, contentType, encoding, compression, query string) {
		const limit = 1 << 16
		h := http.Header{"Content-Type": {contentType}, "Content-Encoding": {encoding}}
		decoded, err := decodeBody(body, h, compression, limit)
		if err != nil {
			if unclear, ok := errors.AsType[*decodingError](err); !ok && !errors.Is(err, errTooLarge) || ok && !strings.HasPrefix(unclear.Error(), "Failed to decode request: ") {
				t.Fatalf("error %v", err)
			}
			return
		}
		if len(decoded) > max(limit, len(body)) {
			t.Fatalf("%d bytes became %d", len(body), len(decoded))
		}
		req := httptest.NewRequest(http.MethodPost, "/flags", nil)
		req.URL.RawQuery = query
		a, err := newAsk(req, decoded)
		if err != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(decoded, &want); err != nil {
			t.Fatalf("understood what is no JSON object: %q", decoded)
		}
		if id, ok := want["distinct_id"].(string); ok && want["$distinct_id"] == nil && (!a.identified || a.distinctID != id) {
			t.Errorf("distinct id %q, %v, want %q", a.distinctID, a.identified, id)
		}
		if a.whole == "" && a.shape == shapeUnknown {
			t.Error("it would be answered here in no shape")
		}
	})
}
