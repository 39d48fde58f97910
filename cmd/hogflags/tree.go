package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/hogflags/hogflags/rules"
)

// node is a line of a tree, with what stands below it.
type node struct {
	text     string
	children []node
}

// tree draws nodes and all that is below them.
func tree(nodes []node) string {
	var b strings.Builder
	draw(&b, "", nodes)
	return b.String()
}

func draw(b *strings.Builder, indent string, nodes []node) {
	for i, n := range nodes {
		branch, below := "├─ ", "│  "
		if i == len(nodes)-1 {
			branch, below = "└─ ", "   "
		}
		b.WriteString(indent + branch + n.text + "\n")
		draw(b, indent+below, n.children)
	}
}

func headline(key string, a rules.Answer) string {
	switch a.Status {
	case rules.Decided:
		return fmt.Sprintf("%s = %v", key, a.Value())
	case rules.Inconclusive:
		return key + " is inconclusive"
	default:
		return key + " is filtered out"
	}
}

// explained is the tree of an evaluation, in the order of its steps.
func explained(e *rules.Explanation) []node {
	var nodes []node
	if e.EarlyAccess != nil {
		nodes = append(nodes, node{"early access", []node{filterNode(*e.EarlyAccess)}})
	}
	if e.Holdout != nil {
		nodes = append(nodes, node{"holdout", []node{bucketNode("share", e.Holdout)}})
	}
	for _, condition := range e.Conditions {
		nodes = append(nodes, conditionNode(condition))
	}
	if e.Answer.Status == rules.Inconclusive {
		missing := node{text: "would be decided by"}
		for _, text := range missingTexts(e.Answer) {
			missing.children = append(missing.children, node{text: text})
		}
		nodes = append(nodes, missing)
	}
	if payload := payloadText(e.Answer); payload != "" {
		nodes = append(nodes, node{text: "payload " + payload})
	}
	return append(nodes, node{text: e.Stop})
}

func conditionNode(c rules.ConditionTrace) node {
	n := node{text: fmt.Sprintf("%s condition %d, by %s", mark(c.Outcome), c.Index+1, cmp.Or(c.Aggregation, "person")) + note(c.Note)}
	for _, filter := range c.Filters {
		n.children = append(n.children, filterNode(filter))
	}
	if c.Rollout != nil {
		n.children = append(n.children, bucketNode("rollout", c.Rollout))
	}
	if c.Variant != nil {
		n.children = append(n.children, bucketNode("variant", c.Variant))
	}
	return n
}

func filterNode(f rules.FilterTrace) node {
	var b strings.Builder
	b.WriteString(mark(f.Outcome) + " ")
	if f.Negated {
		b.WriteString("not ")
	}
	b.WriteString(strings.TrimSpace(cmp.Or(f.Group, f.Type) + " " + f.Key))
	if f.Operator != "" {
		b.WriteString(" " + f.Operator)
	}
	if len(f.Value) > 0 {
		b.WriteString(" " + abbreviate(string(f.Value), 60))
	}
	switch {
	case f.Present:
		b.WriteString(", seen " + strconv.Quote(abbreviate(f.Seen, 60)))
	case len(f.Children) == 0 && f.Flag == nil:
		b.WriteString(", not seen")
	}
	n := node{text: b.String() + note(f.Note)}
	for _, child := range f.Children {
		n.children = append(n.children, filterNode(child))
	}
	if f.Flag != nil {
		n.children = append(n.children, node{headline(f.Key, f.Flag.Answer), explained(f.Flag)})
	}
	return n
}

func bucketNode(what string, t *rules.BucketTrace) node {
	text := fmt.Sprintf("%s %s", mark(t.Outcome), what)
	if t.Variant != "" {
		text += " " + t.Variant
	}
	if t.Percentage != 0 || t.Variant == "" {
		text += fmt.Sprintf(" %v %%", t.Percentage)
	}
	return node{text: fmt.Sprintf("%s: %q hashes to %.6f", text, t.Identifier, t.Hash) + note(t.Note)}
}

func note(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

func mark(t rules.Truth) string {
	switch t {
	case rules.True:
		return "✓"
	case rules.False:
		return "✗"
	default:
		return "?"
	}
}
