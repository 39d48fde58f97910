package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

var (
	areas   = []string{"billing", "onboarding", "search", "editor", "checkout", "inbox", "reports", "mobile", "api", "dashboard"}
	changes = []string{"new-layout", "faster-path", "retry", "dark-mode", "inline-help", "bulk-actions", "limits", "export", "shortcuts", "digest"}
	reasons = []string{
		"Owned by the growth team, remove after the spring launch.",
		"Kill switch: turn it off when the error rate of the service rises.",
		"Rolled out step by step, see the runbook before going further.",
		"Asked for by several customers, support tells them about it.",
		"Guards the migration to the new storage, read path only.",
	}
)

// add appends the i-th flag, of a kind that is drawn by its usual frequency.
func (p *project) add(i int) {
	key := fmt.Sprintf("%s-%s-%d", pick(p.rnd, areas), pick(p.rnd, changes), i)
	filters := object{"multivariate": nil, "payloads": object{}, "aggregation_group_type_index": nil, "early_exit": false}
	f := newFlag(key, pick(p.rnd, reasons)+" "+pick(p.rnd, reasons), filters)

	switch draw := p.rnd.IntN(100); {
	case draw < 35: // a rollout, perhaps with a group of testers before it
		filters["groups"] = []object{
			condition(100, person("email", "icontains", "@hedgehog.test"), p.filter()),
			condition(100, p.filter(), p.filter()),
			condition(pick(p.rnd, []any{5, 10, 25, 50, 75, 100})),
		}
		filters["payloads"] = object{"true": p.payload()}
	case draw < 50: // an experiment
		filters["groups"] = []object{condition(100, p.filter(), p.filter()), condition(100)}
		filters["multivariate"] = split("control", "test-a", "test-b")
		filters["payloads"] = object{"test-a": p.payload(), "test-b": p.payload()}
		f["has_experiment"] = true
	case draw < 75: // one kind of customer
		filters["groups"] = []object{condition(pick(p.rnd, []any{50, 100}), p.filter(), p.filter()), condition(20, p.filter(), p.filter())}
		filters["payloads"] = object{"true": p.payload()}
	case draw < 85: // by cohort
		filters["groups"] = []object{condition(100, inCohort(1+p.rnd.IntN(4))), condition(pick(p.rnd, []any{0, 10}), p.filter(), p.filter())}
		filters["payloads"] = object{"true": p.payload()}
	case draw < 92: // by invitation
		invited := make([]string, 10+p.rnd.IntN(20))
		for j := range invited {
			invited[j] = fmt.Sprintf("%s.%d@%s", pick(p.rnd, names), p.rnd.IntN(1024), pick(p.rnd, domains))
		}
		filters["groups"] = []object{condition(100, person("email", "exact", invited)), condition(0)}
	case draw < 97 && i > 0: // on top of another flag
		// Of the first tenth, so that no chain grows long.
		target := p.flags[p.rnd.IntN(max(1, min(i, len(p.flags)/10)))]["key"].(string)
		filters["groups"] = []object{condition(100, object{
			"key": target, "type": "flag", "operator": "flag_evaluates_to", "value": true,
			"dependency_chain": []string{target}, "label": target,
		}, p.filter()), condition(10, p.filter(), p.filter())}
		filters["payloads"] = object{"true": p.payload()}
	default: // switched off
		f["active"] = false
		filters["groups"] = []object{condition(100, p.filter()), condition(50, p.filter(), p.filter())}
		filters["payloads"] = object{"true": p.payload()}
	}
	p.flags = append(p.flags, f)
}

// filter is one that each subject can be asked about. Equality is by far the
// most common operator, regular expressions are rare.
func (p *project) filter() object {
	switch draw := p.rnd.IntN(100); {
	case draw < 25:
		return person("plan", "exact", []string{pick(p.rnd, plans), pick(p.rnd, plans)})
	case draw < 45:
		return person("country", "exact", []string{pick(p.rnd, countries), pick(p.rnd, countries), pick(p.rnd, countries)})
	case draw < 55:
		return person("country", "is_not", []string{pick(p.rnd, countries)})
	case draw < 70:
		return person("seats", pick(p.rnd, []string{"gt", "gte", "lt", "lte"}), 5+p.rnd.IntN(150))
	case draw < 85:
		return person("email", "icontains", pick(p.rnd, []string{"@example.com", ".example.net", "ada", "@posteo"}))
	case draw < 90:
		return person("app_version", "regex", fmt.Sprintf(`^%d\.(\d+)\.\d+$`, 1+p.rnd.IntN(4)))
	default:
		return person("signed_up_at", pick(p.rnd, []string{"is_date_after", "is_date_before"}), fmt.Sprintf("202%d-0%d-01T00:00:00Z", 3+p.rnd.IntN(3), 1+p.rnd.IntN(9)))
	}
}

// payload is JSON text in a JSON string, as PostHog stores it.
func (p *project) payload() string {
	body, err := json.Marshal(object{
		"title": strings.ToUpper(pick(p.rnd, areas)), "limit": p.rnd.IntN(500), "timeout_ms": 100 * p.rnd.IntN(50),
		"color": fmt.Sprintf("#%06x", p.rnd.IntN(1<<24)), "help": pick(p.rnd, reasons),
	})
	if err != nil {
		panic(err) // made of strings and numbers only
	}
	return string(body)
}
