// Package check holds the examples of deployment against the code of Kubernetes,
// Kustomize and Compose, and against the relay itself.
package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"
)

// hogflags is the binary, built once.
var hogflags string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "hogflags-check-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		hogflags = filepath.Join(dir, "hogflags")
		build := exec.Command("go", "build", "-o", hogflags, "./cmd/hogflags")
		build.Dir = "../.."
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return 1
		}
		return m.Run()
	}())
}

// relayConfig is what the examples have of the relay's configuration.
type relayConfig struct {
	TrustedProxies []string `json:"trusted_proxies"`
	Projects       []struct {
		SecretKey     place  `json:"secret_key"`
		RelayKeysFrom place  `json:"relay_keys_from"`
		CacheFrom     place  `json:"cache_from"`
		LastKnownGood string `json:"last_known_good"`
	} `json:"projects"`
}

type place struct{ File string }

// readConfig reads a configuration that a relay takes, listening where the image
// has it listen.
func readConfig(t *testing.T, file string) relayConfig {
	t.Helper()
	check := exec.CommandContext(t.Context(), hogflags, "serve", "--check")
	check.Env = []string{"HOGFLAGS_CONFIG=" + file, "HOGFLAGS_LISTEN=:8080", "HOGFLAGS_ADMIN=:8081"}
	if out, err := check.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var cfg relayConfig
	if err := yaml.Unmarshal([]byte(document(t, file)), &cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func document(t *testing.T, path string) string {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
