package dynamocache

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// code is what DynamoDB calls an error; empty if it is not one of its own.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func isMissing(err error) bool { return code(err) == "ResourceNotFoundException" }

func isDenied(err error) bool { return code(err) == "AccessDeniedException" }

// explain says what to do about an error of DynamoDB's.
func explain(table string, err error) error {
	if err == nil {
		return nil
	}
	way := ""
	switch code(err) {
	case "ResourceNotFoundException":
		way = "there is no such table in this region: create it with dynamocache.CreateTable, or add create_table=true to the URL"
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
		way = "that is more than the table takes: bill it on demand (aws dynamodb update-table --billing-mode PAY_PER_REQUEST --table-name " + table + "), or raise its capacity"
	case "AccessDeniedException":
		way = "allow this role " + actions + " on the table"
	case "ValidationException":
		way = "if it is about the key, this is another application's table: name one whose only key is the string " + idAttribute
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "RequestExpired":
		way = "check the credentials, and this host's clock: AWS refuses what was signed more than five minutes ago"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, way)
}

// actions is what a role needs.
const actions = "dynamodb:GetItem, and to lead also PutItem and DeleteItem,"
