package relay

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// writeCertificate makes a certificate for 127.0.0.1 in two files.
func writeCertificate(t *testing.T, files TLS, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestTLS(t *testing.T) {
	up := posthogtest.New(t)
	dir := t.TempDir()
	cfg := Config{
		Listen: "127.0.0.1:0", TLS: TLS{Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")},
		Projects: []Project{{Token: posthogtest.ProjectToken, Host: up.URL, SecretKey: Source{Value: posthogtest.SecretKey}}},
	}
	certificate := writeCertificate(t, cfg.TLS, 1)
	r, err := New(t.Context(), cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := r.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- r.Run(ctx, l, nil) }()
	defer func() {
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}()
	if err := r.WaitUntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate)
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "localhost"}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	resp, err := client.Get("https://" + l.Addr().String() + "/flags/definitions")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.ProtoMajor != 2 || string(body) != posthogtest.EmptyDefinitions {
		t.Errorf("%s %d %q, %v, want the definitions by HTTP/2", resp.Proto, resp.StatusCode, body, err)
	}
	if resp, err := http.Get("http://" + l.Addr().String() + "/livez"); err == nil { // the server says so in clear
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("without TLS: %d, want 400", resp.StatusCode)
		}
	}
}

// A relay that cannot serve closes all that it was given.
func TestTLSWithoutCertificate(t *testing.T) {
	up := posthogtest.New(t)
	dir := t.TempDir()
	r, err := New(t.Context(), Config{
		Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", TLS: TLS{Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")},
		Projects: []Project{{Token: posthogtest.ProjectToken, Host: up.URL, SecretKey: Source{Value: posthogtest.SecretKey}}},
	}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	clients, admin, err := r.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context(), clients, admin); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no certificate: %v", err)
	}
	for name, l := range map[string]net.Listener{"clients": clients, "admin": admin} {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener for %s was open: %v", name, err)
		}
	}
}

// A certificate that was replaced is served without a restart, and one that is
// half replaced is not.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	files := TLS{Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
	c := &certificates{files: files}
	if _, err := c.get(nil); err == nil {
		t.Error("no files, no error")
	}
	serial := func() string {
		t.Helper()
		c.looked = time.Time{} // long ago
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.String()
	}
	age := func(by time.Duration) {
		for _, path := range []string{files.Cert, files.Key} {
			at := time.Now().Add(by)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	writeCertificate(t, files, 1)
	age(-2 * time.Hour)
	if got := serial(); got != "1" {
		t.Errorf("serial %s, want 1", got)
	}
	if err := os.WriteFile(files.Cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != "1" {
		t.Errorf("half replaced: serial %s, want 1", got)
	}
	writeCertificate(t, files, 2)
	age(-time.Hour)
	if got := serial(); got != "2" {
		t.Errorf("replaced: serial %s, want 2", got)
	}
}
