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
	if slices.Contains(v.complete, "person") && !filled {
		return seen{presence: absent}
	}
	return seen{}
}

func (v localView) group(groupType, key string) seen {
	id, ok := groupKey(v.call, groupType)
	if !ok {
		return seen{} // not settled
	}
	if value, ok := v.call.GroupProperties[groupType][key]; ok {
		return seen{present, value}
	}
	if key == "$group_key" {
		return seen{present, id}
	}
	if slices.Contains(v.complete, "group:"+groupType) {
		return seen{presence: absent}
	}
	return seen{}
}

func (localView) member(string) truth    { return maybe }
func (localView) undecided(...any) truth { return maybe }
