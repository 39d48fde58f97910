package relay

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// roomy notes how much room it is given to read into.
type roomy struct{ most int }

func (r *roomy) Read(p []byte) (int, error) {
	r.most = max(r.most, len(p))
	return 0, io.ErrUnexpectedEOF
}

// Who announces a large body, and sends nothing of it, takes no memory for it.
func TestAnnouncedBodyTakesNoMemory(t *testing.T) {
	const announced = 2 << 20
	for name, read := range map[string]func(http.ResponseWriter, *http.Request) error{
		"flags": func(w http.ResponseWriter, req *http.Request) error {
			_, err := readBody(w, req, announced)
			return err
		},
		"OFREP": func(w http.ResponseWriter, req *http.Request) error {
			_, err := new(scratch).read(w, req, announced)
			return err
		},
	} {
		body := &roomy{}
		req := httptest.NewRequest(http.MethodPost, "/flags", body)
		req.ContentLength = announced
		if err := read(httptest.NewRecorder(), req); err == nil || body.most > announced/8 {
			t.Errorf("%s: %d bytes of room before the first came, %v", name, body.most, err)
		}
	}
}
