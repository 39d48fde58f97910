package check

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const composeFolder = "../compose"

// compose is the project as docker compose reads it, which checks it against the
// specification.
func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(composeFolder, "compose.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// Clients reach HAProxy and nothing else, and no service has more rights or
// memory than it needs.
func TestComposeBounds(t *testing.T) {
	for name, s := range compose(t).Services {
		if (len(s.Ports) > 0) != (name == "haproxy") {
			t.Errorf("%s publishes %v", name, s.Ports)
		}
		if s.MemLimit == 0 || !s.ReadOnly || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not confined", name)
		}
		if _, internal := s.Networks["store"]; internal != (name != "haproxy") {
			t.Errorf("%s on the network of Redis: %t", name, internal)
		}
		if _, ok := s.Networks["clients"]; ok && name == "redis" {
			t.Error("Redis is on the network of HAProxy")
		}
		for _, v := range s.Volumes {
			if _, err := os.Stat(v.Source); v.Type == types.VolumeTypeBind && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// The relays take the configuration, and find the files that it names.
func TestComposeConfig(t *testing.T) {
	project := compose(t)
	if !project.Networks["store"].Internal {
		t.Error("the network of Redis, which has no password, is not internal")
	}
	for _, name := range []string{"relay-1", "relay-2"} {
		s := project.Services[name]
		mounts := map[string]types.ServiceVolumeConfig{}
		for _, v := range s.Volumes {
			mounts[v.Target] = v
		}
		file := *s.Environment["HOGFLAGS_CONFIG"]
		cfg := readConfig(t, filepath.Join(mounts[path.Dir(file)].Source, path.Base(file)))
		subnet := project.Networks["clients"].Ipam.Config[0].Subnet
		if len(cfg.TrustedProxies) != 1 || cfg.TrustedProxies[0] != subnet {
			t.Errorf("trusted are %v, and HAProxy is in %s", cfg.TrustedProxies, subnet)
		}
		p := cfg.Projects[0]
		for _, source := range []place{p.SecretKey, p.RelayKeysFrom} {
			secret := path.Base(source.File)
			if !slices.ContainsFunc(s.Secrets, func(c types.ServiceSecretConfig) bool { return c.Source == secret }) || path.Dir(source.File) != "/run/secrets" {
				t.Errorf("%s: %s is none of its secrets", name, source.File)
			}
			if project.Secrets[secret].File == "" {
				t.Errorf("the secret %s is not from a file", secret)
			}
		}
		if v := mounts[path.Dir(p.LastKnownGood)]; v.Type != types.VolumeTypeVolume || v.Source != name {
			t.Errorf("%s keeps %s in %v, want a volume of its own", name, p.LastKnownGood, v)
		}
	}
}
