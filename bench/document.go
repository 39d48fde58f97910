package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// object is a JSON object of the definitions document.
type object = map[string]any

// document makes up a project of n flags, believably: mostly booleans and
// single properties, some experiments, cohorts, lists and dependencies, about
// 1.2 KB of JSON a flag. It is the same project every time. Nothing in it
// needs the server, for either evaluator.
func document(n int) []byte {
	p := newProject(n)
	for i := range n {
		p.add(i)
	}
	return p.encode()
}

// documentWithMeasured is a project of n flags with those that are measured
// one by one spread among them.
func documentWithMeasured(n int, subjects []subject) []byte {
	measured := measuredFlags(subjects)
	p := newProject(n)
	for i := range n - len(measured) {
		p.add(i)
	}
	for i, flag := range measured {
		at := (2*i + 1) * n / (2 * len(measured))
		p.flags = append(p.flags[:at:at], append([]object{flag}, p.flags[at:]...)...)
	}
	return p.encode()
}

type project struct {
	rnd     *rand.Rand
	flags   []object
	cohorts object
}

func newProject(n int) *project {
	return &project{rnd: rand.New(rand.NewPCG(2, uint64(n))), cohorts: cohorts()}
}

func (p *project) encode() []byte {
	for i, flag := range p.flags {
		flag["id"] = 100_000 + i
	}
	body, err := json.Marshal(object{
		"flags":                      p.flags,
		"group_type_mapping":         object{"0": "organization", "1": "project"},
		"cohorts":                    p.cohorts,
		"minimal_flag_called_events": false,
		"property_matching_version":  1,
	})
	if err != nil {
		panic(err) // made of strings and numbers only
	}
	return body
}

// newFlag has what the server sends for each.
func newFlag(key, description string, filters object) object {
	return object{
		"team_id": 4711, "name": description, "key": key, "filters": filters,
		"deleted": false, "active": true, "ensure_experience_continuity": false,
		"has_encrypted_payloads": false, "version": 3, "evaluation_runtime": "all",
		"evaluation_contexts": []string{}, "bucketing_identifier": "distinct_id", "has_experiment": false,
	}
}

func condition(rollout any, properties ...object) object {
	if properties == nil {
		properties = []object{}
	}
	return object{"properties": properties, "rollout_percentage": rollout, "variant": nil}
}

func person(key, operator string, value any) object {
	return object{"key": key, "type": "person", "operator": operator, "value": value}
}

func inCohort(id int) object {
	return object{"key": "id", "type": "cohort", "operator": "in", "value": id, "cohort_name": fmt.Sprintf("Cohort %d", id)}
}

func split(keys ...string) object {
	variants := make([]object, len(keys))
	for i, key := range keys {
		share := 100 / len(keys)
		if i == 0 {
			share = 100 - share*(len(keys)-1)
		}
		variants[i] = object{"key": key, "name": "", "rollout_percentage": share}
	}
	return object{"variants": variants}
}

// cohorts are few and shared, as in most projects. The measured one is three
// levels deep.
func cohorts() object {
	and := func(values ...object) object { return object{"type": "AND", "values": values} }
	or := func(values ...object) object { return object{"type": "OR", "values": values} }
	not := func(filter object) object { filter["negation"] = true; return filter }
	return object{
		"1": or(and(person("plan", "exact", []string{"business", "enterprise"}), person("seats", "gt", 20))),
		"2": or(and(person("country", "exact", []string{"DE", "FR", "NL", "SE", "ES"})), and(person("email", "icontains", ".example.net"))),
		"3": or(and(inCohort(1), not(person("country", "exact", []string{"US", "CA"}))), and(inCohort(2), person("app_version", "regex", `^[34]\.`))),
		"4": and(or(inCohort(3), person("email", "icontains", "@hedgehog.test")), or(not(person("plan", "exact", []string{"free"})))),
	}
}

// measuredFlags are the flags that are measured one by one.
func measuredFlags(subjects []subject) []object {
	// Half of the subjects are in the list, spread over its length.
	emails := make([]string, 1000)
	for i := range emails {
		emails[i] = fmt.Sprintf("invited.%d@example.com", i)
		if j := i * len(subjects) / 1000; i%2 == 0 {
			emails[i] = subjects[j].hogflags.PersonProperties["email"].(string)
		}
	}
	return []object{
		newFlag(booleanFlag, "Half of everybody", object{"groups": []object{condition(50)}}),
		newFlag(variantsFlag, "Everybody, in three variants", object{
			"groups": []object{condition(100)}, "multivariate": split("control", "blue", "green"),
		}),
		newFlag(propertyFlag, "Half of one plan", object{"groups": []object{condition(50, person("plan", "exact", "team"))}}),
		// Most subjects fall through most of the conditions.
		newFlag(mixedFlag, "Many ways in", object{"groups": []object{
			condition(100, person("email", "icontains", "@Studio.")),
			condition(100, person("email", "regex", `^(ada|grace)\.\d+[05]@`)),
			condition(100, person("seats", "gt", 180)),
			condition(10, person("app_version", "is_set", "is_set")),
			condition(100, person("signed_up_at", "is_date_before", "2024-03-01T00:00:00Z")),
		}}),
		newFlag(cohortFlag, "A cohort of cohorts", object{"groups": []object{condition(100, inCohort(4))}}),
		newFlag(listFlag, "By invitation", object{"groups": []object{condition(100, person("email", "exact", emails))}}),
	}
}
