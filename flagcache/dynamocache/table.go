package dynamocache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hogflags/hogflags/flagcache/internal/ledgerstore"
	"github.com/hogflags/hogflags/flagdef"
)

// table is the [ledgerstore.Medium] of one scope.
type table struct {
	client Client
	name   string
	scope  string
	clock  *clock
	create bool // the table, when it turns out to be missing

	partSize int           // bytes; less than the constant in tests alone
	grace    time.Duration // likewise
}

var (
	_ ledgerstore.Medium = (*table)(nil)
	_ ledgerstore.Writer = (*session)(nil)
)

// View reads. An item is read whole, and what it names does not change.
func (t *table) View(ctx context.Context, read func(ledgerstore.Reader) error) error {
	return explain(t.name, read(t.session(ctx)))
}

// Update repeats write until nobody else wrote in between.
func (t *table) Update(ctx context.Context, write func(ledgerstore.Writer) error) error {
	const first, most = 10 * time.Millisecond, 200 * time.Millisecond
	s := t.session(ctx)
	for wait := first; ; wait = min(2*wait, most) {
		err := write(s)
		if !errors.Is(err, errConflict) {
			return explain(t.name, err)
		}
		s.item = nil
		select {
		case <-time.After(mathrand.N(wait)):
		case <-ctx.Done():
			return fmt.Errorf("others wrote in between, time and again: %w", ctx.Err())
		}
	}
}

// get reads the scope's item, with every write that was acknowledged before.
func (t *table) get(ctx context.Context) (*item, error) {
	ask := func() (*dynamodb.GetItemOutput, error) {
		sent := t.clock.host()
		out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &t.name, Key: attributes{idAttribute: text(t.scope)}, ConsistentRead: aws.Bool(true),
		})
		if err == nil {
			if said, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
				t.clock.heard(sent, said)
			}
		}
		return out, err
	}
	out, err := ask()
	if t.create && isMissing(err) {
		if err = createTable(ctx, t.client, t.name); err == nil {
			out, err = ask()
		}
	}
	if err != nil {
		return nil, err
	}
	return decode(out.Item)
}

// errConflict says that somebody else wrote the item. It never leaves the
// package.
var errConflict = errors.New("somebody else wrote")

// put replaces was, as it was read, by next. An answer that was lost, and a
// request that comes late or twice, do no harm: each write has a version of its
// own, and is bound to the one that it replaces.
func (t *table) put(ctx context.Context, was, next *item) error {
	next.version = rand.Text()
	encoded, err := next.encode(t.scope)
	if err != nil {
		return err
	}
	in := &dynamodb.PutItemInput{
		TableName:                           &t.name,
		Item:                                encoded,
		ConditionExpression:                 aws.String("attribute_not_exists(#v)"),
		ExpressionAttributeNames:            map[string]string{"#v": versionAttribute},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if was.version != "" {
		in.ConditionExpression = aws.String("#v = :was")
		in.ExpressionAttributeValues = attributes{":was": text(was.version)}
	}
	_, err = t.client.PutItem(ctx, in)
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		if textOf(failed.Item[versionAttribute]) == next.version {
			return nil // the client repeated what had been done
		}
		return errConflict
	}
	return err
}

// session is one view or update.
type session struct {
	ctx      context.Context
	table    *table
	began    time.Time
	item     *item                       // as it was last read or written; nil before
	lost     map[string]bool             // uploads of which a part is missing
	uploaded map[flagdef.Revision]upload // by this session
}

func (t *table) session(ctx context.Context) *session {
	return &session{
		ctx: ctx, table: t, began: time.Now(),
		lost: make(map[string]bool), uploaded: make(map[flagdef.Revision]upload),
	}
}

// Record reads the record as it is now.
func (s *session) Record() ([]byte, error) {
	item, err := s.table.get(s.ctx)
	if err != nil {
		return nil, err
	}
	s.item = item
	for rev, u := range item.index.Documents {
		if s.lost[u.ID] {
			item.retire(rev, s.table.clock.now())
		}
	}
	return item.record, nil
}

// find looks a document up.
func (s *session) find(rev flagdef.Revision) (upload, bool, error) {
	if err := s.look(); err != nil {
		return upload{}, false, err
	}
	u, ok := s.item.index.Documents[rev]
	return u, ok, nil
}

// look makes sure that the item was read.
func (s *session) look() error {
	if s.item != nil {
		return nil
	}
	_, err := s.Record()
	return err
}

// next is the item to be changed.
func (s *session) next() (*item, error) {
	if err := s.look(); err != nil {
		return nil, err
	}
	return s.item.clone(), nil
}

// put replaces the item.
func (s *session) put(next *item) error {
	err := s.table.put(s.ctx, s.item, next)
	if err == nil {
		s.item = next
	}
	return err
}
