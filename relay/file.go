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
	body, err := readFile(path, maxConfigBytes)
	if err != nil {
		return Config{}, err
	}
	c, err := ParseConfig(body)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	c.file = print{path: path, hash: hashOf(body)}
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

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path) // a pipe could block for ever
	case info.Size() > limit:
		return nil, fmt.Errorf("%s exceeds %d bytes", path, limit)
	}
	return os.ReadFile(path)
}

// Follow reloads the configuration when its file, or a file that it names (of
// keys, or of the URL of a store; PostHog's secret is read at each poll), is
// another than the one that was read, and has stayed the same from one look to
// the next, and at each signal on now, until ctx ends: what is still being written
// may be a configuration, too. One that cannot be used is logged with the reason,
// and the former one stays until a file has changed again. read gives the
// configuration of the file. One that [New] was given and that [ReadConfig] has
// not read is taken for another.
func (r *Relay) Follow(ctx context.Context, every time.Duration, now <-chan os.Signal, path string, read func() (Config, error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	seen := r.current.Load().files
	if seen[0].path != path {
		seen = slices.Concat([]print{{path: path, unknown: true}}, seen[1:])
	}
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
		prints := again(last)
		settled := slices.Equal(prints, last)
		last = prints
		if !forced && (!settled || slices.Equal(prints, seen)) {
			continue
		}
		seen = prints
		cfg, err := read()
		if err == nil {
			// It may name other files now, also if it is refused for one of them.
			seen = append(prints[:1:1], cfg.prints()...)
			last = seen
			err = r.Reload(ctx, cfg)
		}
		if err != nil {
			r.deps.log.Error("configuration refused, the former one stays", "error", err)
		}
	}
}

// print tells one state of a file from another.
type print struct {
	path    string
	hash    keyHash // of what is in it; zero if it cannot be read
	unknown bool    // nobody has looked
}

// look reads a file: they are small, and to read them is surer than to compare
// times.
func look(path string) print {
	p := print{path: path}
	if body, err := readFile(path, maxConfigBytes); err == nil {
		p.hash = hashOf(body)
	}
	return p
}

// again looks at the same files once more.
func again(prints []print) []print {
	now := make([]print, len(prints))
	for i := range prints {
		now[i] = look(prints[i].path)
	}
	return now
}

// prints looks at the files that a configuration names. What is read from them
// afterwards is as they say, or a later look tells the difference.
func (c *Config) prints() []print {
	var prints []print
	sources := []Source{c.OperatorKeysFrom}
	for i := range c.Projects {
		p := &c.Projects[i]
		sources = append(sources, p.RelayKeysFrom, p.CacheFrom, p.SigningKey, p.VerifyKeysFrom)
	}
	for _, from := range sources {
		if from.File != "" {
			prints = append(prints, look(from.File))
		}
	}
	return prints
}
