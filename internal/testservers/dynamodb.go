package testservers

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// DynamoDB is a running DynamoDB Local, which keeps its tables in memory.
type DynamoDB struct {
	Addr string

	lib string
	process
}

// dynamoVersion is the one that .ci/dynamodb-local.xml names.
const dynamoVersion = "2.6.1"

// StartDynamoDB starts a server, and sets the credentials in the environment
// that any client of it needs. Where it is not installed the test is skipped, or
// fails if CI is true.
func StartDynamoDB(t testing.TB) *DynamoDB {
	t.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		missing(t, "java is not installed, which DynamoDB Local needs")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		missing(t, "find DynamoDB Local: %v", err)
	}
	lib := filepath.Join(cache, "hogflags", "dynamodb-local-"+dynamoVersion)
	if _, err := os.Stat(lib); err != nil {
		missing(t, "DynamoDB Local is not installed, bash .ci/servers does that: %v", err)
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1",
		// Nothing of the developer's own.
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	d := &DynamoDB{Addr: FreeAddr(t), lib: lib}
	d.Start(t)
	t.Cleanup(d.Kill)
	return d
}

// URL is that of a table, which is made when it is missing.
func (d *DynamoDB) URL(table string) string {
	return "dynamodb://" + table + "?create_table=true&endpoint=http://" + d.Addr
}

// Start starts the server again on the same port, empty.
func (d *DynamoDB) Start(t testing.TB) {
	t.Helper()
	_, port, _ := net.SplitHostPort(d.Addr)
	server := Command("java", "-XX:TieredStopAtLevel=1", "-Djava.library.path="+d.lib, "-cp", filepath.Join(d.lib, "*"),
		"com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-sharedDb", "-disableTelemetry", "-port", port)
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	d.start(t, server, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.Addr, nil)
		if err != nil {
			return err
		}
		response, err := web.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	})
}
