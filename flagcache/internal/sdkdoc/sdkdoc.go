// Package sdkdoc knows in which form PostHog's SDKs expect a document in a cache.
package sdkdoc

import "encoding/json"

// Member is a member of a JSON object.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Missing are the members that some SDK reads and a document has not. Node reads
// camelCase, Python and Ruby fail without flags, group types and cohorts.
func Missing(members map[string]json.RawMessage) []Member {
	var out []Member
	add := func(name string, value json.RawMessage) { out = append(out, Member{name, value}) }
	for _, pair := range [][2]string{
		{"group_type_mapping", "groupTypeMapping"},
		{"minimal_flag_called_events", "minimalFlagCalledEvents"},
	} {
		snake, hasSnake := members[pair[0]]
		camel, hasCamel := members[pair[1]]
		switch {
		case hasSnake && !hasCamel:
			add(pair[1], snake)
		case hasCamel && !hasSnake:
			add(pair[0], camel)
		case !hasSnake && pair[0] == "group_type_mapping":
			add(pair[0], json.RawMessage("{}"))
			add(pair[1], json.RawMessage("{}"))
		}
	}
	if _, ok := members["cohorts"]; !ok {
		add("cohorts", json.RawMessage("{}"))
	}
	return out
}
