// Package dynamocache keeps flag definitions in a table of Amazon DynamoDB, for
// functions and fleets that have no Redis and no Postgres.
//
// Each step reads an item and writes it back under the condition that nobody
// else did. Documents lie beside it, in items that never change. See
// docs/stores/dynamodb.md for what is guaranteed.
package dynamocache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/ledgerstore"
)

// Client is what a store uses of a [dynamodb.Client]. It may retry by itself.
type Client interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
}

// Store is a [flagcache.Store] and [flagcache.Pinner]. It does not push: who
// follows looks. It is safe for concurrent use.
type Store struct {
	*ledgerstore.Store
	table *table
}

var (
	_ Client          = (*dynamodb.Client)(nil)
	_ flagcache.Store = (*Store)(nil)
)

// New returns a store for scope in the table of that name, which must exist: see
// [CreateTable]. Several scopes may share it. The client stays the caller's.
func New(client Client, name string, scope flagcache.Scope) (*Store, error) {
	if client == nil {
		return nil, errors.New("open dynamodb store: no client")
	}
	if name == "" {
		return nil, errors.New("open dynamodb store: no table is named")
	}
	if err := scope.Validate(); err != nil {
		return nil, fmt.Errorf("open dynamodb store: %w", err)
	}
	t := &table{client: client, name: name, scope: scope.Key(), clock: newClock(time.Now), partSize: partSize, grace: grace}
	s := &Store{ledgerstore.New("the DynamoDB table "+name, scope, t), t}
	s.OnClock(t.clock.now)
	return s, nil
}

// CreateTable creates the table if there is none, billed on demand, and waits
// until it can be used, which takes DynamoDB some seconds. Many processes may
// call it at once.
func CreateTable(ctx context.Context, client Client, name string) error {
	if err := createTable(ctx, client, name); err != nil {
		return fmt.Errorf("create DynamoDB table %s: %w", name, explain(name, err))
	}
	return nil
}

func createTable(ctx context.Context, client Client, name string) error {
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            &name,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(idAttribute), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(idAttribute), KeyType: types.KeyTypeHash}},
	})
	if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists {
		return err
	}
	return active(ctx, client, name)
}

// active waits for the table.
func active(ctx context.Context, client Client, name string) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		switch {
		case err != nil && !isMissing(err): // a table is, for a moment after it was made
			return err
		case err == nil && out.Table.TableStatus != types.TableStatusCreating:
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
