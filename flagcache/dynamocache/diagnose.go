package dynamocache

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hogflags/hogflags/flagcache"
)

var _ flagcache.Diagnoser = (*Store)(nil)

// Diagnose looks at the table, at what this role may do there, and at the size
// of the item that is written at each renewal.
func (s *Store) Diagnose(ctx context.Context) []flagcache.Finding {
	d := &diagnosis{table: s.table}
	d.describe(ctx)
	d.rights(ctx)
	d.size(ctx)
	return d.found
}

type diagnosis struct {
	*table
	found []flagcache.Finding
}

func (d *diagnosis) add(check string, severity flagcache.Severity, fix, format string, args ...any) {
	d.found = append(d.found, flagcache.Finding{Check: check, Severity: severity, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (d *diagnosis) describe(ctx context.Context) {
	out, err := d.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &d.name})
	switch {
	case isMissing(err) && d.create:
		d.add("table", flagcache.SeverityWarning, "nothing, if this role may do dynamodb:CreateTable", "%s does not exist, and is made by the first who needs it", d.name)
		return
	case isMissing(err):
		d.add("table", flagcache.SeverityError, "add create_table=true to the URL, or create it as docs/stores/dynamodb.md says", "%s does not exist in this region", d.name)
		return
	case isDenied(err):
		d.add("table", flagcache.SeverityNote, "allow this role dynamodb:DescribeTable, to have billing and replicas looked at", "this role may not describe %s", d.name)
		return
	case err != nil:
		d.add("table", flagcache.SeverityError, "see the message", "%v", explain(d.name, err))
		return
	}
	t := out.Table
	if len(t.KeySchema) != 1 || aws.ToString(t.KeySchema[0].AttributeName) != idAttribute ||
		len(t.AttributeDefinitions) == 0 || t.AttributeDefinitions[0].AttributeType != types.ScalarAttributeTypeS {
		d.add("table", flagcache.SeverityError, "name one whose only key is the string "+idAttribute, "%s is another application's: its key is not ours", d.name)
		return
	}
	if t.TableStatus != types.TableStatusActive && t.TableStatus != types.TableStatusUpdating {
		d.add("table", flagcache.SeverityWarning, "wait until it is active", "%s is %s", d.name, t.TableStatus)
	} else {
		d.add("table", flagcache.SeverityOK, "", "%s is %s", d.name, t.TableStatus)
	}
	d.billing(t)
	if len(t.Replicas) > 0 && t.MultiRegionConsistency != types.MultiRegionConsistencyStrong {
		d.add("replicas", flagcache.SeverityWarning, "let all processes that may lead use one region, and attach the others read-only", "a global table whose replicas follow later: leases and order hold within one region")
	}
}

func (d *diagnosis) billing(t *types.TableDescription) {
	if b := t.BillingModeSummary; b != nil && b.BillingMode == types.BillingModePayPerRequest {
		d.add("billing", flagcache.SeverityOK, "", "on demand")
		return
	}
	var reads, writes int64
	if p := t.ProvisionedThroughput; p != nil {
		reads, writes = aws.ToInt64(p.ReadCapacityUnits), aws.ToInt64(p.WriteCapacityUnits)
	}
	d.add("billing", flagcache.SeverityWarning,
		"aws dynamodb update-table --billing-mode PAY_PER_REQUEST --table-name "+d.name,
		"a capacity of %d reads and %d writes a second is provisioned: an edit of 1 MB (compressed) takes 1,000 writes, and 250 reads in each process", reads, writes)
}

// rights tries what can have no effect: its condition is never met.
func (d *diagnosis) rights(ctx context.Context) {
	never, key := aws.String("attribute_exists(id) AND attribute_not_exists(id)"), attributes{idAttribute: text(d.scope + "/doctor")}
	for _, try := range []struct {
		action string
		do     func() error
	}{
		{"PutItem", func() error {
			_, err := d.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &d.name, Item: key, ConditionExpression: never})
			return err
		}},
		{"DeleteItem", func() error {
			_, err := d.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &d.name, Key: key, ConditionExpression: never})
			return err
		}},
	} {
		err := try.do()
		_, refused := errors.AsType[*types.ConditionalCheckFailedException](err)
		switch {
		case err == nil || refused:
			d.add("rights", flagcache.SeverityOK, "", "this role may do dynamodb:%s", try.action)
		case isDenied(err):
			d.add("rights", flagcache.SeverityWarning, "allow it, unless this role is only to read", "this role may not do dynamodb:%s", try.action)
		case !isMissing(err): // which was told
			d.add("rights", flagcache.SeverityError, "see the message", "dynamodb:%s: %v", try.action, explain(d.name, err))
		}
	}
}

// size tells what a look and a renewal cost.
func (d *diagnosis) size(ctx context.Context) {
	out, err := d.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.name, Key: attributes{idAttribute: text(d.scope)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil || len(out.Item) == 0 {
		return // about which the first look has told
	}
	bytes := len(idAttribute) + len(d.scope) + len(versionAttribute) + len(textOf(out.Item[versionAttribute])) + len(stateAttribute) + len(bytesOf(out.Item[stateAttribute]))
	i, err := decode(out.Item)
	if err != nil {
		return
	}
	d.add("cost", flagcache.SeverityOK, "", "the item has %d bytes: a look takes %s, a renewal %d more and %s; %d documents are kept, %d are to be deleted",
		bytes, counted(units(bytes, 4<<10), "read unit"), units(bytes, 4<<10), counted(units(bytes, 1<<10), "write unit"), len(i.index.Documents), len(i.index.Retired))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
