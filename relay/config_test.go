package relay_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/hogflags/hogflags/relay"
)

const exampleFile = "../examples/relay/relay.yaml"

func TestExampleConfig(t *testing.T) {
	got, err := relay.ReadConfig(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	want := relay.Config{
		Listen: "0.0.0.0:8080", Admin: "127.0.0.1:9090",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Limits:         relay.Limits{PerAddress: relay.Rate{PerSecond: 200, Burst: 1000}, PerKey: relay.Rate{PerSecond: 2000}},
		Projects: []relay.Project{
			{
				Name: "shop", Token: "phc_shop", SecretKey: relay.Source{Env: "SHOP_SECRET_KEY"}, RelayKeysFrom: relay.Source{File: "/run/secrets/shop-relay-keys"},
				CacheFrom: relay.Source{Env: "SHOP_CACHE"}, SigningKey: relay.Source{File: "/run/secrets/shop-signing-key"},
				VerifyKeys: []string{"hfpk_iojjgaPn2evYjKJEuzWY_7mkRaOh1sX5MxRUz6FRKJ0"},
				PublishTo:  "cloudflare-kv://3fd1/9c02", PublishToken: relay.Source{File: "/run/secrets/cloudflare-token"},
				MaxAge: 12 * time.Hour, LastKnownGood: "/var/lib/hogflags/shop", TimeZone: "Europe/Berlin",
			},
			{
				Name: "tools", Token: "phc_tools", SecretKey: relay.Source{File: "/run/secrets/tools-posthog"},
				RelayKeys:    []string{"sha256:0f343b0931126a20f133d67c2b018a3b1e0b9d8f0c2a8c8fae7d7b7f6b0e0c54"},
				PollInterval: 10 * time.Second, Server: true, Remote: relay.RemoteNever, Optional: true,
			},
		},
	}
	if diff := cmp.Diff(got, want, cmpopts.EquateComparable(netip.Prefix{}), cmpopts.IgnoreUnexported(relay.Config{})); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	const head = "projects:\n- token: phc_a\n  secret_key: {env: X}\n"
	for text, want := range map[string]string{
		"":                                                                "it is empty",
		"projects: []":                                                    "no project",
		"listen: x\nlisten: y":                                            "already defined",
		"unknown: 1":                                                      "line 1: field unknown not found",
		head + "  tokn: x":                                                "line 4: field tokn not found",
		head + "---\nlisten: x":                                           "more than one document",
		head + "listen: nowhere":                                          "listen: address nowhere",
		head + "admin: nowhere":                                           "admin: address nowhere",
		head + "tls: {cert: x}":                                           "cert and key go together",
		head + "limits: {body_bytes: -1}":                                 "limits: a number of bytes is negative",
		head + "limits: {per_key: {burst: 1}}":                            "a burst needs per_second",
		head + "  poll_interval: 10":                                      "line 4: cannot unmarshal",
		head + "  poll_interval: soon":                                    "line 4",
		head + "  max_age: 59s":                                           "max_age is 59s: want at least 1m0s, twice the poll_interval",
		head + "  max_age: -1h":                                           "max_age is -1h0m0s",
		head + "  remote: perhaps":                                        `remote is "perhaps": want inconclusive, never or always`,
		head + "  hostnames: ['http://x']":                                "hostnames",
		head + "  host: ftp://x":                                          "neither http nor https",
		head + "  assets_host: ftp://x":                                   "assets_host",
		head + "  relay_keys: [phs_in_clear]":                             "relay_keys: a key is to be given by its hash",
		head + "  cache: 'memory:'\n  cache_from: {env: X}":               "exclude each other",
		head + "  read_only: true":                                        "read_only needs a cache",
		head + "  cache: x\n  verify_keys: [hfsk_private]":                "verify_keys: read verify key 1: it is a private key, want one that begins with hfpk_",
		head + "  cache: x\n  verify_keys_from: {file: x}":                "verify_keys: there is no signing key: give one, or attach read only",
		head + "  signing_key: {env: X}":                                  "need a cache",
		head + "  cache: x\n  signing_key: hfsk_inline":                   "line 5: a secret is not to be in this file",
		head + "  publish_token: {env: X}":                                "publish_token is set without publish_to",
		head + "  publish_to: x\n  read_only: true\n  cache: y":           "never leads",
		head + "  publish_to: x\n  publish_token: cf-inline":              "line 5: a secret is not to be in this file",
		head + "  time_zone: Nowhere":                                     "time_zone",
		head + "trusted_proxies: [10.0.0.0]":                              "no '/'",
		head + "- token: phc_a\n  secret_key: {env: X}":                   "its token is also that of",
		head + "- token: phc_b\n  name: …phc_a\n  secret_key: {env: X}\n": "two projects are called",
		head + "- token: phc_b\n  secret_key: {env: X}\n  host: https://eu.i.posthog.com\n": "give both hostnames",
		"projects:\n- secret_key: {env: X}":                                                 "ProjectToken is empty",
		"projects:\n- token: phc_a":                                                         "no secret_key",
		"projects:\n- token: phs_a\n  secret_key: {env: X}":                                 "ProjectToken holds a secret key",
		"projects:\n- token: phs_inphs_in\n  secret_key: {env: X}":                          "projects[0]: config: ProjectToken holds a secret key",
		"projects:\n- token: phc_a\n  secret_key: {env: X, file: Y}":                        "env and file exclude each other",
		"projects:\n- token: phc_a\n  secret_key: {value: phs_inline}":                      "line 3: a secret is not to be in this file",
		"projects:\n- token: phc_a\n  secret_key: phs_inline":                               "line 3: a secret is not to be in this file",
	} {
		_, err := relay.ParseConfig([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "phs_in") || strings.Contains(err.Error(), "hfsk_in") || strings.Contains(err.Error(), "hfsk_private") {
			t.Errorf("%q: %v, want %q in one line without a secret", text, err, want)
		}
	}
}

// No way of printing a configuration shows a key.
func TestConfigHidesKeys(t *testing.T) {
	c := relay.Config{Projects: []relay.Project{{SecretKey: relay.Source{Value: "phs_secret"}}}}
	marshalled, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), string(marshalled)} {
		if strings.Contains(text, "phs_secret") {
			t.Errorf("the key is in %s", text)
		}
	}
}

// The schema knows the fields that a file may have, and no others, and so does
// the page about them.
func TestSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(relay.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		t.Helper()
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
	example, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := valid(string(example)); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"{}", "projects: []", "projects: [{token: x}]\nother: 1", "projects: [{token: x, secret_key: phs_x}]", "projects: [{token: x, remote: perhaps}]"} {
		if valid(text) == nil {
			t.Errorf("%q is valid", text)
		}
	}
	root, _ := doc.(map[string]any)
	defs, _ := root["$defs"].(map[string]any)
	limits, _ := root["properties"].(map[string]any)["limits"].(map[string]any)
	tls, _ := root["properties"].(map[string]any)["tls"].(map[string]any)
	page, err := os.ReadFile("../docs/relay.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		of     any
		schema any
	}{
		{relay.Config{}, root}, {relay.Project{}, defs["project"]}, {relay.Source{}, defs["source"]},
		{relay.Rate{}, defs["rate"]}, {relay.Limits{}, limits}, {relay.TLS{}, tls},
	} {
		var want, got []string
		for field := range reflect.TypeOf(test.of).Fields() {
			if name := field.Tag.Get("yaml"); name != "-" && field.IsExported() {
				want = append(want, name)
				if _, isSource := test.of.(relay.Source); !isSource && !bytes.Contains(page, []byte("`"+name+"`")) {
					t.Errorf("docs/relay.md does not have %s of %T", name, test.of)
				}
			}
		}
		s, _ := test.schema.(map[string]any)
		properties, _ := s["properties"].(map[string]any)
		for name := range properties {
			got = append(got, name)
		}
		if diff := cmp.Diff(got, want, cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%T (-schema +fields):\n%s", test.of, diff)
		}
	}
}
