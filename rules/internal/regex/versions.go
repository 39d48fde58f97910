package regex

// judge refuses what versions of the server's engine read in different ways;
// which of them the server runs is not known.
func (p *parser) judge(tree *node) {
	if p.refs.numbered && len(p.names) > 0 {
		panic(Unjudged) // an error to older versions
	}
	if traitsOf(tree).fancy {
		p.judgeNode(tree, false)
	}
}

// judgeNode refuses endless repetitions whose turns may take no character: what
// such a turn does differs. It refuses references to a group in a look-around
// that needs backtracking: what the group holds may change when the server
// comes back into it.
func (p *parser) judgeNode(n *node, unsettled bool) {
	switch n.op {
	case opRepeat:
		if n.max < 0 && n.subs[0].matchesEmpty() {
			panic(Unjudged)
		}
	case opLookAhead, opLookBehind:
		unsettled = unsettled || traitsOf(n.subs[0]).fancy
	case opCapture:
		if unsettled && p.refs.groups[n.group] {
			panic(Unjudged)
		}
	}
	for _, sub := range n.subs {
		p.judgeNode(sub, unsettled)
	}
}
