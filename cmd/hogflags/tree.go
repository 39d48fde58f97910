package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/hogflags/hogflags/internal/answerjson"
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
		nodes = append(nodes, node{text: fmt.Sprintf("%s early access: %s, %s", mark(e.EarlyAccess.Outcome), e.EarlyAccess.Key, seen(*e.EarlyAccess))})
	}
	if e.Holdout != nil {
		nodes = append(nodes, bucketNode(fmt.Sprintf("%s, %v %%", e.Holdout.Variant, e.Holdout.Percentage), e.Holdout))
	}
	for _, condition := range e.Conditions {
		nodes = append(nodes, conditionNode(condition))
	}
	if e.Answer.Status == rules.Inconclusive {
		nodes = append(nodes, node{text: "would be decided by " + strings.Join(answerjson.Texts(e.Answer.Missing), ", ")})
	}
	if payload := payloadText(e.Answer); payload != "" {
		nodes = append(nodes, node{text: "payload " + payload})
	}
	return append(nodes, node{text: e.Stop})
}

func conditionNode(c rules.ConditionTrace) node {
	n := node{text: fmt.Sprintf("%s condition %d, by %s, %v %%", mark(c.Outcome), c.Index+1, c.Aggregation, c.Percentage) + note(c.Note)}
	for _, filter := range c.Filters {
		n.children = append(n.children, filterNode(filter))
	}
	if c.Rollout != nil {
		n.children = append(n.children, bucketNode(fmt.Sprintf("rollout %v %%", c.Percentage), c.Rollout))
	}
	switch {
	case c.Pinned != "":
		n.children = append(n.children, node{text: "serves variant " + c.Pinned + " to all"})
	case c.Variant != nil:
		n.children = append(n.children, bucketNode("variant "+cmp.Or(c.Variant.Variant, "none"), c.Variant))
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
	if f.Value != "" {
		b.WriteString(" " + abbreviate(f.Value, 60))
	}
	if f.Present || len(f.Children) == 0 && f.Flag == nil {
		b.WriteString(", " + seen(f))
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

func seen(f rules.FilterTrace) string {
	if !f.Present {
		return "not seen"
	}
	return "seen " + strconv.Quote(abbreviate(f.Seen, 60))
}

func bucketNode(what string, t *rules.BucketTrace) node {
	hashed := fmt.Sprintf("%q hashes to %.6f", t.Identifier, t.Hash)
	if t.Outcome == rules.Unknown {
		hashed = "what is hashed is not known"
	}
	return node{text: fmt.Sprintf("%s %s: %s", mark(t.Outcome), what, hashed) + note(t.Note)}
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
