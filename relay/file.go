package relay

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Schema is the JSON schema of a file of configuration.
//
//go:embed config.schema.json
var Schema []byte

const maxConfigBytes = 4 << 20

// ReadConfig reads a file of configuration, in YAML or JSON. What it does not
// know is an error that says where.
func ReadConfig(path string) (Config, error) {
	body, err := readFile(path)
	if err != nil {
		return Config{}, err
	}
	c, err := ParseConfig(body)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfig is [ReadConfig] of the file's content.
func ParseConfig(body []byte) (Config, error) {
	var c Config
	dec := yaml.NewDecoder(bytes.NewReader(body))
	dec.KnownFields(true)
	switch err := dec.Decode(&c); {
	case errors.Is(err, io.EOF):
		return c, errors.New("it is empty")
	case err != nil:
		text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "unmarshal errors:")
		return c, errors.New(strings.Join(strings.Fields(text), " "))
	}
	if err := dec.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return c, errors.New("it holds more than one document")
	}
	_, err := c.complete()
	return c, err
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path) // a pipe could block for ever
	case info.Size() > maxConfigBytes:
		return nil, fmt.Errorf("%s exceeds %d bytes", path, maxConfigBytes)
	}
	return os.ReadFile(path)
}

// Follow reloads the configuration when its file, or a file that it names (of
// keys, or of the URL of a store; PostHog's secret is read at each poll), has
// changed and has then stayed the same from one look to the next, and at each
// signal on now, until ctx ends: what is still being written may be a
// configuration, too. One that cannot be used is logged with the reason, and the
// former one stays. read gives the configuration of the file.
func (r *Relay) Follow(ctx context.Context, every time.Duration, now <-chan os.Signal, path string, read func() (Config, error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	seen := r.prints(path)
	last := seen
	for {
		forced := false
		select {
		case <-ctx.Done():
			return
		case <-now:
			forced = true
		case <-ticker.C:
		}
		prints := r.prints(path)
		settled := slices.Equal(prints, last)
		last = prints
		if !forced && (!settled || slices.Equal(prints, seen)) {
			continue
		}
		seen = prints
		cfg, err := read()
		if err == nil {
			err = r.Reload(ctx, cfg)
		}
		if err != nil {
			r.deps.log.Error("configuration refused, the former one stays", "error", err)
			continue
		}
		seen = r.prints(path) // it may name other files now
		last = seen
	}
}

// print tells one state of a file from another.
type print struct {
	path string
	hash keyHash // of what is in it; zero if it cannot be read
}

// prints looks at the files that a configuration consists of. They are small:
// to read them is surer than to compare times.
func (r *Relay) prints(path string) []print {
	paths := []string{path}
	if f := r.current.Load().cfg.OperatorKeysFrom.File; f != "" {
		paths = append(paths, f)
	}
	for _, p := range r.current.Load().projects {
		for _, from := range []Source{p.RelayKeysFrom, p.CacheFrom, p.SigningKey, p.VerifyKeysFrom} {
			if from.File != "" {
				paths = append(paths, from.File)
			}
		}
	}
	prints := make([]print, len(paths))
	for i, path := range paths {
		prints[i].path = path
		if body, err := readFile(path); err == nil {
			prints[i].hash = hashOf(body)
		}
	}
	return prints
}
