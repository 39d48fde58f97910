package main

import (
	"archive/tar"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// The types of OCI's image specification 1.1, as far as they are used.
// https://github.com/opencontainers/image-spec
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
)

type (
	descriptor struct {
		MediaType   string            `json:"mediaType"`
		Digest      string            `json:"digest"`
		Size        int               `json:"size"`
		Annotations map[string]string `json:"annotations,omitempty"`
		Platform    *platform         `json:"platform,omitempty"`
	}
	platform struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
	}
	index struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Manifests     []descriptor      `json:"manifests"`
		Annotations   map[string]string `json:"annotations,omitempty"`
	}
	manifest struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}
	imageConfig struct {
		Created      time.Time `json:"created"`
		Architecture string    `json:"architecture"`
		OS           string    `json:"os"`
		Config       config    `json:"config"`
		RootFS       rootFS    `json:"rootfs"`
		History      []history `json:"history"`
	}
	config struct {
		User         string              `json:"User"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		Healthcheck  healthcheck         `json:"Healthcheck"`
		Labels       map[string]string   `json:"Labels"`
	}
	healthcheck struct {
		Test        []string
		Interval    time.Duration
		Timeout     time.Duration
		StartPeriod time.Duration
	}
	rootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	history struct {
		Created   time.Time `json:"created"`
		CreatedBy string    `json:"created_by"`
	}
)

// addIndex adds what lists the images, so that each host takes its own.
func addIndex(l *layout, images []descriptor, of origin) (descriptor, error) {
	d, err := l.addJSON(indexType, index{SchemaVersion: 2, MediaType: indexType, Manifests: images})
	d.Annotations = map[string]string{
		"org.opencontainers.image.ref.name": of.tag(),
		"io.containerd.image.name":          "docker.io/library/hogflags:" + of.tag(), // what Docker calls it once loaded
	}
	return d, err
}

// layout is an image layout under way. The zero layout is empty.
type layout struct{ blobs map[string][]byte }

func (l *layout) add(mediaType string, blob []byte) descriptor {
	if l.blobs == nil {
		l.blobs = map[string][]byte{}
	}
	d := descriptor{MediaType: mediaType, Digest: digest(blob), Size: len(blob)}
	l.blobs[d.Digest] = blob
	return d
}

func (l *layout) addJSON(mediaType string, v any) (descriptor, error) {
	blob, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return l.add(mediaType, blob), nil
}

// write writes the layout as an archive with this one image.
func (l *layout) write(out io.Writer, image descriptor, at time.Time) error {
	top, err := json.Marshal(index{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{image}})
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	put := func(name string, body []byte) error {
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(body)), ModTime: at, Format: tar.FormatUSTAR}
		if strings.HasSuffix(name, "/") {
			header.Mode = 0o755
		}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		_, err := w.Write(body)
		return err
	}
	for _, name := range []string{"blobs/", "blobs/sha256/"} {
		if err := put(name, nil); err != nil {
			return err
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(l.blobs)) {
		if err := put("blobs/"+strings.Replace(digest, ":", "/", 1), l.blobs[digest]); err != nil {
			return err
		}
	}
	if err := put("index.json", top); err != nil {
		return err
	}
	if err := put("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	return w.Close()
}
