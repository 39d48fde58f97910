package conformance

import (
	"encoding/json"
	"testing"
)

func TestJudge(t *testing.T) {
	tests := []struct {
		name      string
		got, want string
		verdict   Verdict
	}{
		{"the same", `{"value":true,"reason":"condition_match","condition_index":0}`, `{"value":true,"reason":"condition_match","condition_index":0}`, Right},
		{"variant", `{"value":"blue"}`, `{"value":"blue"}`, Right},
		{"off", `{"value":false}`, `{"value":false}`, Right},
		{"wrong value", `{"value":true}`, `{"value":false}`, Failure},
		{"a variant named true", `{"value":"true"}`, `{"value":true}`, Failure},
		{"a value where none is certain", `{"value":false}`, `{"value":"INCONCLUSIVE"}`, Failure},
		{"rightly inconclusive", `{"value":"INCONCLUSIVE"}`, `{"value":"INCONCLUSIVE"}`, RightInconclusive},
		{"miss", `{"value":"INCONCLUSIVE"}`, `{"value":true}`, Miss},
		{"accepted miss", `{"value":"INCONCLUSIVE"}`, `{"value":true,"miss_ok":true}`, RightInconclusive},
		{"right where a miss is accepted", `{"value":true}`, `{"value":true,"miss_ok":true}`, Right},
		{"wrong where a miss is accepted", `{"value":false}`, `{"value":true,"miss_ok":true}`, Failure},

		{"payload by value", `{"value":true,"payload":{"b":2, "a":1}}`, `{"value":true,"payload":{"a":1,"b":2}}`, Right},
		{"payload null and absent", `{"value":true}`, `{"value":true,"payload":null}`, Right},
		{"other payload", `{"value":true,"payload":"1"}`, `{"value":true,"payload":"2"}`, PayloadFailure},
		{"text is not its content", `{"value":true,"payload":"1"}`, `{"value":true,"payload":1}`, PayloadFailure},
		{"missing payload", `{"value":true}`, `{"value":true,"payload":"1"}`, PayloadFailure},
		{"payload of a wrong value", `{"value":true,"payload":"1"}`, `{"value":false,"payload":"2"}`, Failure},

		{"other reason", `{"value":false,"reason":"no_group_type"}`, `{"value":false,"reason":"no_condition_match"}`, ReasonDiffers},
		{"reason not judged", `{"value":false,"reason":"no_group_type"}`, `{"value":false}`, Right},
		{"no reason", `{"value":false,"reason":null}`, `{"value":false,"reason":"no_condition_match"}`, ReasonDiffers},
		{"other index", `{"value":false,"condition_index":1}`, `{"value":false,"condition_index":0}`, ReasonDiffers},
		{"index not judged", `{"value":false,"condition_index":1}`, `{"value":false}`, Right},
		{"an index where there is none", `{"value":false,"condition_index":0}`, `{"value":false,"condition_index":null}`, ReasonDiffers},
		{"no index", `{"value":false,"condition_index":null}`, `{"value":false,"condition_index":null}`, Right},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Answer
			var want Expected
			if err := json.Unmarshal([]byte(tt.got), &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			if verdict := Judge(got, want); verdict != tt.verdict {
				t.Errorf("Judge(%s, %s) = %v, want %v", tt.got, tt.want, verdict, tt.verdict)
			}
		})
	}
}
