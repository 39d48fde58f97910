package oracle

import (
	"slices"
	"strings"
)

// localView sees what the call brings and nothing else.
type localView struct {
	*Project
	call     Call
	complete []string
}

func (v localView) person(key string) seen {
	if value, ok := v.call.PersonProperties[key]; ok {
		if value == nil && strings.HasPrefix(key, "$geoip_") {
			return seen{} // the server may put its own there
		}
		return seen{present, value}
	}
	if key == "distinct_id" {
		if cut(v.call.DistinctID) != v.call.DistinctID {
			return seen{} // whether the property is cut too is not settled
		}
		return seen{present, v.call.DistinctID}
	}
	filled := strings.HasPrefix(key, "$initial_") || strings.HasPrefix(key, "$geoip_")
	if !slices.Contains(v.complete, "person") || filled {
		return seen{}
	}
	if value, ok := v.call.PersonProperties[otherName[key]]; ok {
		if value == nil {
			return seen{} // whether the server copies a null is not settled
		}
		return seen{present, value}
	}
	return seen{presence: absent}
}

// otherName says which property the server copies where a person lacks one.
var otherName = map[string]string{"$os": "$os_name", "$os_name": "$os"}

func (v localView) group(groupType, key string) seen {
	id, ok := groupKey(v.call, groupType)
	if !ok {
		return seen{} // not settled
	}
	value, given := v.call.GroupProperties[groupType][key]
	if key == "$group_key" {
		if given && value != any(id) {
			return seen{} // which of the two the server takes is not settled
		}
		return seen{present, id}
	}
	if given {
		return seen{present, value}
	}
	if slices.Contains(v.complete, "group:"+groupType) {
		return seen{presence: absent}
	}
	return seen{}
}

func (localView) member(string) truth    { return maybe }
func (localView) undecided(...any) truth { return maybe }
