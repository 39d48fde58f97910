package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	binaryPath = "usr/local/bin/hogflags"
	rootsPath  = "etc/ssl/certs/ca-certificates.crt" // where Go looks for them
	cachePath  = "var/cache/hogflags/"               // serve's default store; a volume takes over its owner
	user       = 65532                               // has a number and no name, so that runAsNonRoot can be checked
)

// addImage adds the image of one architecture.
func addImage(l *layout, arch string, binary []byte, of origin) (descriptor, error) {
	files, err := filesystem(binary, of.time)
	if err != nil {
		return descriptor{}, err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(files); err != nil {
		return descriptor{}, err
	}
	if err := z.Close(); err != nil {
		return descriptor{}, err
	}
	layer := l.add("application/vnd.oci.image.layer.v1.tar+gzip", packed.Bytes())
	config, err := l.addJSON("application/vnd.oci.image.config.v1+json", imageConfig{
		Created: of.time, Architecture: arch, OS: "linux",
		Config:  containerConfig(of),
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{digest(files)}},
		History: []history{{Created: of.time, CreatedBy: "go build ./cmd/hogflags"}},
	})
	if err != nil {
		return descriptor{}, err
	}
	image, err := l.addJSON(manifestType, manifest{SchemaVersion: 2, MediaType: manifestType, Config: config, Layers: []descriptor{layer}})
	image.Platform = &platform{Architecture: arch, OS: "linux"}
	return image, err
}

// containerConfig is how a container starts. What it sets, the environment of
// the container can set otherwise.
func containerConfig(of origin) config {
	labels := map[string]string{
		"org.opencontainers.image.title":         "hogflags",
		"org.opencontainers.image.description":   "PostHog feature flags, evaluated where the code runs: one host for every SDK",
		"org.opencontainers.image.source":        "https://github.com/hogflags/hogflags",
		"org.opencontainers.image.documentation": "https://github.com/hogflags/hogflags/blob/main/docs/deploy.md",
		"org.opencontainers.image.licenses":      "MIT",
		"org.opencontainers.image.version":       of.version,
		"org.opencontainers.image.created":       of.time.Format(time.RFC3339),
	}
	if of.revision != "" {
		labels["org.opencontainers.image.revision"] = of.revision
	}
	return config{
		User:       "65532:65532",
		Entrypoint: []string{"/" + binaryPath},
		Cmd:        []string{"serve"},
		Env: []string{
			"PATH=/usr/local/bin",
			"XDG_CACHE_HOME=/var/cache",
			"HOGFLAGS_LISTEN=:8080",
			"HOGFLAGS_ADMIN=:8081",
			"HOGFLAGS_ADMIN_URL=http://127.0.0.1:8081",
		},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "8081/tcp": {}},
		// Not in OCI's specification; Docker knows it, others pass over it.
		Healthcheck: healthcheck{Test: []string{"CMD", "/" + binaryPath, "health"}, Interval: 10 * time.Second, Timeout: 5 * time.Second, StartPeriod: 10 * time.Second},
		Labels:      labels,
	}
}

// filesystem is all that is in a container, as an archive.
func filesystem(binary []byte, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		path string
		mode int64
		user int
		body []byte
	}{
		{path: "etc/", mode: 0o755},
		{path: "etc/ssl/", mode: 0o755},
		{path: "etc/ssl/certs/", mode: 0o755},
		{path: rootsPath, mode: 0o644, body: roots()},
		{path: "usr/", mode: 0o755},
		{path: "usr/local/", mode: 0o755},
		{path: "usr/local/bin/", mode: 0o755},
		{path: binaryPath, mode: 0o755, body: binary},
		{path: "var/", mode: 0o755},
		{path: "var/cache/", mode: 0o755},
		{path: cachePath, mode: 0o700, user: user},
	} {
		header := &tar.Header{Name: f.path, Mode: f.mode, Uid: f.user, Gid: f.user, Size: int64(len(f.body)), ModTime: at, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// roots are the certificate authorities that Mozilla trusts for the web, of the
// version that go.sum pins. One that Mozilla trusts for some certificates only is
// left out: a file of certificates cannot say so.
func roots() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes it
		}
	}
	return b.Bytes()
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
