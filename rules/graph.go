package rules

// components finds the strongly connected components of a graph of n nodes:
// the cycles, and every other node by itself. A component comes after those
// that it leads to. The search keeps its own stack, because a chain may be as
// long as a document.
func components(n int, edges func(node int32) []int32) [][]int32 {
	const unvisited = 0
	var (
		found   [][]int32
		order   = make([]int32, n) // when a node was first seen, from 1
		low     = make([]int32, n) // the earliest node that it leads back to
		on      = make([]bool, n)  // whether a node is on pending
		pending []int32
		seen    int32
	)
	type frame struct {
		node int32
		rest []int32
	}
	for root := range int32(n) {
		if order[root] != unvisited {
			continue
		}
		var calls []frame
		visit := func(node int32) {
			seen++
			order[node], low[node] = seen, seen
			pending = append(pending, node)
			on[node] = true
			calls = append(calls, frame{node, edges(node)})
		}
		for visit(root); len(calls) > 0; {
			top := &calls[len(calls)-1]
			if len(top.rest) > 0 {
				next := top.rest[0]
				top.rest = top.rest[1:]
				switch {
				case order[next] == unvisited:
					visit(next)
				case on[next]:
					low[top.node] = min(low[top.node], order[next])
				}
				continue
			}
			node := top.node
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				caller := calls[len(calls)-1].node
				low[caller] = min(low[caller], low[node])
			}
			if low[node] != order[node] {
				continue
			}
			i := len(pending) - 1
			for pending[i] != node {
				i--
			}
			component := append([]int32(nil), pending[i:]...)
			for _, member := range component {
				on[member] = false
			}
			pending = pending[:i]
			found = append(found, component)
		}
	}
	return found
}

// cyclic reports whether a component is a cycle: of several nodes, or of one
// that leads to itself.
func cyclic(component []int32, edges func(node int32) []int32) bool {
	if len(component) > 1 {
		return true
	}
	for _, next := range edges(component[0]) {
		if next == component[0] {
			return true
		}
	}
	return false
}
