package rules

import "time"

// Subject is who an evaluation is about, and under which circumstances. The
// zero value of every field means that there is none. A Subject is only read,
// so it can be shared by any number of evaluations at a time.
//
// Property values are what encoding/json would send to the server: strings,
// booleans, nil, every kind of number, json.Number (which keeps its written
// form: 1.0 is not 1), time.Time (RFC 3339), slices, maps, and anything that
// marshals itself. A value that does not marshal is treated as unknown.
type Subject struct {
	// DistinctID identifies the person. The server cuts it to 200 characters.
	DistinctID string

	// DeviceID is hashed by flags that are bucketed by device. If it is empty,
	// a non-empty string in PersonProperties["$device_id"] takes its place.
	DeviceID string

	// AnonDistinctID is the distinct id that the person had before signing in. It
	// is for PostHog, which stores it for flags with experience continuity when
	// it is asked; local evaluation does not use it.
	AnonDistinctID string

	// Groups maps a group type to the subject's group key, a string or a
	// number. The subject is in these groups and in no others.
	Groups map[string]any

	// PersonProperties are the properties known of the person. A property that
	// is not in it is unknown, because the server may have it stored, unless
	// CompletePerson is set. "distinct_id" is DistinctID unless it is given.
	PersonProperties map[string]any

	// GroupProperties are the properties known of each group, by group type.
	// "$group_key" is the group's key.
	GroupProperties map[string]map[string]any

	// CompletePerson declares that a property that is not in PersonProperties
	// does not exist. The $initial_ and $geoip_ properties are excepted: the
	// server may fill them in itself. One of $os and $os_name stands for both.
	CompletePerson bool

	// CompleteGroups names the group types for which a property that is not in
	// GroupProperties does not exist.
	CompleteGroups []string

	// Now is the instant that relative dates ("7d") count from. If it is zero,
	// a flag that depends on one is inconclusive.
	Now time.Time

	// Runtime is the runtime to evaluate for. Flags for another runtime are not
	// found, and are false to the flags that depend on them.
	Runtime Runtime

	// Contexts are the evaluation contexts of the request. If there are any, a
	// flag that is restricted to other contexts is not found.
	Contexts []string
}

// Runtime is what kind of program asks.
type Runtime uint8

// The runtimes. The zero value is RuntimeServer.
const (
	RuntimeServer  Runtime = iota // sees flags for the server and flags for all
	RuntimeClient                 // sees flags for clients and flags for all
	RuntimeUnknown                // sees flags for all only
)

// deviceID is the device id that the server would see.
func (s *Subject) deviceID() string {
	if s.DeviceID != "" {
		return s.DeviceID
	}
	id, _ := s.PersonProperties["$device_id"].(string)
	return id
}

// completeGroup reports whether the properties of a group type are complete.
func (s *Subject) completeGroup(groupType string) bool {
	for _, t := range s.CompleteGroups {
		if t == groupType {
			return true
		}
	}
	return false
}
