//go:build unix

package dynamocache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/dynamocache"
	"github.com/hogflags/hogflags/internal/testservers"
)

// awsOf sets what AWS's own settings would say.
func awsOf(t *testing.T, settings ...string) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		t.Setenv(name, value)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	awsOf(t)
	scope := newScope()
	for _, test := range []struct{ url, want string }{
		{"dynamodb:", "want dynamodb://TABLE"},
		{"dynamodb:flags", "want dynamodb://TABLE"},
		{"dynamodb://?region=eu-west-1", "want dynamodb://TABLE"},
		{"dynamodb://flags/x?region=eu-west-1", "want dynamodb://TABLE"},
		{"dynamodb://flags:hunter2@%zz", "escaped"},
		{"dynamodb://key:hunter2@flags", "role of this host"},
		{"dynamodb://flags", "AWS_REGION"},
		{"dynamodb://flags?region=eu-west-1&create_table=1", "true or false"},
		{"dynamodb://flags?region=eu-west-1&endpoint=localhost:8000", "http://127.0.0.1:8000"},
		{"dynamodb://flags?region=eu-west-1&endpoint=http://u:hunter2@x", "http://127.0.0.1:8000"},
		{"dynamodb://flags?region=eu-west-1&secret=hunter2", `unknown parameter "secret"`},
	} {
		_, err := dynamocache.Open(test.url, scope)
		if !errors.Is(err, flagcache.ErrURL) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", test.url, err, test.want)
		}
	}
	if _, err := dynamocache.Open("dynamodb://flags?region=eu-west-1", flagcache.Scope{}); err == nil {
		t.Error("opened without a scope")
	}
	if _, err := dynamocache.New(nil, "flags", scope); err == nil {
		t.Error("opened without a client")
	}
	if _, err := dynamocache.New(&dynamodb.Client{}, "", scope); err == nil {
		t.Error("opened without a table")
	}
}

// Without credentials each call says so, and asks nobody for long.
func TestNoCredentials(t *testing.T) {
	awsOf(t, "AWS_REGION=eu-west-1")
	s, err := dynamocache.Open("dynamodb://flags?endpoint=http://127.0.0.1:1", newScope())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Record(t.Context()); err == nil || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("read: %v, want a word about credentials", err)
	}
}

// refusing is DynamoDB when it answers every request with an error.
func refusing(t *testing.T, code string) flagcache.Store {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"no"}`, code)
	}))
	t.Cleanup(server.Close)
	awsOf(t, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_MAX_ATTEMPTS=1")
	s, err := dynamocache.Open("dynamodb://flags?endpoint="+server.URL, newScope())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	for code, want := range map[string]string{
		"ProvisionedThroughputExceededException": "--billing-mode PAY_PER_REQUEST --table-name flags",
		"ThrottlingException":                    "raise its capacity",
		"RequestLimitExceeded":                   "raise its capacity",
		"ResourceNotFoundException":              "create_table=true",
		"AccessDeniedException":                  "allow this role dynamodb:GetItem",
		"UnrecognizedClientException":            "check the credentials",
		"ValidationException":                    "another application's table",
	} {
		_, err := refusing(t, code).Record(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v, want %q", code, err, want)
		}
	}
}

func findings(ctx context.Context, s flagcache.Store) string {
	var lines []string
	for _, f := range s.(flagcache.Diagnoser).Diagnose(ctx) {
		lines = append(lines, fmt.Sprintf("%s %s: %s -> %s", f.Severity, f.Check, f.Message, f.Fix))
	}
	return strings.Join(lines, "\n")
}

func wantFindings(t *testing.T, what, got string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		if !strings.Contains(got, w) {
			t.Errorf("%s: got\n%s\nwant %q", what, got, w)
		}
	}
}

func TestDiagnose(t *testing.T) {
	server := testservers.StartDynamoDB(t)
	admin := connect(t, server.Addr)
	make := func(name, key string, throughput *types.ProvisionedThroughput) {
		in := &dynamodb.CreateTableInput{
			TableName: &name, ProvisionedThroughput: throughput,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: &key, AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: &key, KeyType: types.KeyTypeHash}},
		}
		if throughput == nil {
			in.BillingMode = types.BillingModePayPerRequest
		}
		if _, err := admin.CreateTable(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	make("others", "pk", nil)
	make("provisioned", "id", &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(6)})
	look := func(name string) string {
		s, err := dynamocache.New(admin, name, newScope())
		if err != nil {
			t.Fatal(err)
		}
		return findings(t.Context(), s)
	}
	wantFindings(t, "no table", look("missing"), "error table: missing does not exist")
	wantFindings(t, "another's table", look("others"), "error table: others is another application's", "error rights: dynamodb:PutItem")
	wantFindings(t, "a provisioned table", look("provisioned"), "ok table: ", "warning billing: a capacity of 5 reads and 6 writes", "PAY_PER_REQUEST --table-name provisioned")

	s := open(t, server.Addr, newScope())
	wantFindings(t, "a table to be made", findings(t.Context(), s), "warning table: flags does not exist, and is made")
	save(t, s, acquire(t, s, "a"), 1, []byte(`{"flags":[]}`))
	wantFindings(t, "a good table", findings(t.Context(), s), "ok table: flags is ACTIVE", "ok billing: on demand",
		"ok rights: this role may do dynamodb:PutItem", "ok rights: this role may do dynamodb:DeleteItem",
		"ok cost: the item has ", "a look takes 1 read unit, a renewal 1 more and 1 write unit", "1 documents are kept, 0 are to be deleted")
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	wantFindings(t, "a server that is down", findings(ctx, s), "error table: ", "refused")

	wantFindings(t, "a role without rights", findings(t.Context(), refusing(t, "AccessDeniedException")), "note table: this role may not describe flags",
		"warning rights: this role may not do dynamodb:PutItem -> allow it, unless", "warning rights: this role may not do dynamodb:DeleteItem")
	wantFindings(t, "a throttled table", findings(t.Context(), refusing(t, "ThrottlingException")), "error table: ", "error rights: ", "raise its capacity")
}
