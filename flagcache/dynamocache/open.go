package dynamocache

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/storeurl"
)

// Owned is a store with a client of its own.
type Owned struct {
	*Store
	transport *http.Transport
}

// Close closes the connections that lie idle.
func (o Owned) Close() error {
	o.transport.CloseIdleConnections()
	return nil
}

// Open returns a store by URL, dynamodb://TABLE?region=REGION. Without region it
// is the one that AWS's own settings name (AWS_REGION, a profile), which also
// have the credentials: none are in the URL. endpoint is another server's
// address; create_table=true creates the table when it turns out to be missing.
// Nothing is contacted yet: what is wrong with the URL is a [flagcache.ErrURL],
// and whether DynamoDB lets this process in is what every method says.
func Open(rawURL string, scope flagcache.Scope) (Owned, error) {
	place, err := parse(rawURL)
	if err != nil {
		return Owned{}, fmt.Errorf("open dynamodb store: %w", err)
	}
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRegion(place.region), config.WithLogger(logging.Nop{}))
	if err != nil {
		return Owned{}, fmt.Errorf("open dynamodb store: read AWS settings: %w", err)
	}
	if cfg.Region == "" {
		return Owned{}, fmt.Errorf("open dynamodb store: %w: no region: add ?region=REGION, or set AWS_REGION", flagcache.ErrURL)
	}
	// The SDK's client cannot be closed, its transport can. It has the
	// certificates of AWS_CA_BUNDLE.
	builder, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		builder = awshttp.NewBuildableClient()
	}
	transport := builder.GetTransport()
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.HTTPClient = &http.Client{Transport: transport}
		// The SDK waits for up to 20 s; what a lease needs is given up after 2.
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxBackoff = 250 * time.Millisecond })
		if place.endpoint != "" {
			o.BaseEndpoint = aws.String(place.endpoint)
		}
	})
	store, err := New(client, place.table, scope)
	if err != nil {
		return Owned{}, err
	}
	store.table.create = place.create
	return Owned{store, transport}, nil
}

// place is what a URL says.
type place struct {
	table, region, endpoint string
	create                  bool
}

func parse(rawURL string) (p place, err error) {
	u, parameters, err := storeurl.Parse(rawURL)
	if err != nil {
		return p, err
	}
	wrong := func(format string, args ...any) (place, error) {
		return place{}, fmt.Errorf("%w: %s", flagcache.ErrURL, fmt.Sprintf(format, args...))
	}
	switch {
	case u.User != nil:
		return wrong("credentials come from AWS's own settings, such as AWS_PROFILE or the role of this host, and not from the URL")
	case u.Host == "" || u.Opaque != "" || u.Path != "" && u.Path != "/":
		return wrong("want dynamodb://TABLE?region=REGION")
	}
	p.table = u.Host
	for name, values := range parameters {
		value := values[0]
		switch name {
		case "region":
			p.region = value
		case "endpoint":
			e, err := url.Parse(value)
			if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || e.User != nil {
				return wrong("endpoint is an address such as http://127.0.0.1:8000")
			}
			p.endpoint = value
		case "create_table":
			if value != "true" && value != "false" {
				return wrong("create_table is true or false")
			}
			p.create = value == "true"
		default:
			return wrong("unknown parameter %q: there are region, endpoint and create_table", name)
		}
	}
	return p, nil
}
