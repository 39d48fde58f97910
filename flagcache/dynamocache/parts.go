package dynamocache

import (
	"context"
	"fmt"
	"io/fs"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	partSize = 384 << 10 // an item may have 400 KB
	atOnce   = 8         // requests that move parts
)

// upload writes the parts of data, which is a document's gzip.
func (t *table) upload(ctx context.Context, u upload, data []byte) error {
	return each(u.Parts, func(n int) error {
		piece := data[n*t.partSize : min((n+1)*t.partSize, len(data))]
		_, err := t.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &t.name,
			Item:      attributes{idAttribute: text(t.partID(u, n)), partAttribute: &types.AttributeValueMemberB{Value: piece}},
		})
		return err
	})
}

// download reads a document. Bytes that are not what was uploaded are no error:
// the ledger compares their hash. That a part is missing is fs.ErrNotExist.
func (t *table) download(ctx context.Context, u upload) ([]byte, error) {
	pieces := make([][]byte, u.Parts)
	err := each(u.Parts, func(n int) error {
		out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &t.name, Key: attributes{idAttribute: text(t.partID(u, n))}, ConsistentRead: aws.Bool(true),
		})
		if err == nil && len(out.Item) == 0 {
			err = fmt.Errorf("part %d of %d: %w", n, u.Parts, fs.ErrNotExist)
		}
		if err == nil {
			pieces[n] = bytesOf(out.Item[partAttribute])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var data []byte
	for _, p := range pieces {
		data = append(data, p...)
	}
	body, err := decompress(data, u.Bytes)
	if err != nil {
		return data, nil
	}
	return body, nil
}

// remove deletes the parts of an upload.
func (t *table) remove(ctx context.Context, u upload) error {
	return each(u.Parts, func(n int) error {
		_, err := t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.name, Key: attributes{idAttribute: text(t.partID(u, n))}})
		return err
	})
}

func (t *table) partID(u upload, n int) string { return fmt.Sprintf("%s/%s/%d", t.scope, u.ID, n) }

// each calls f for 0 to n-1, some at once, and returns the first error in order.
func each(n int, f func(int) error) error {
	errs := make([]error, n)
	gate := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i := range n {
		gate <- struct{}{}
		wg.Go(func() {
			errs[i] = f(i)
			<-gate
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
