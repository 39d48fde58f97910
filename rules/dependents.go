package rules

// Dependents are the keys of the flags that depend on one of the given flags,
// directly or through others, in the order of the document. Keys that are not
// in the set count, too: a flag may depend on one that was removed.
func (s *Set) Dependents(keys []string) (dependents []string) {
	on := make(map[string][]int32) // a flag's key -> the flags with a filter on it
	for i := range s.flags {
		s.flags[i].visit(func(f *filter) {
			if f.kind == flagFilter {
				on[f.key] = append(on[f.key], int32(i))
			}
		})
	}
	depends := make([]bool, len(s.flags))
	for follow := append([]string(nil), keys...); len(follow) > 0; {
		key := follow[len(follow)-1]
		follow = follow[:len(follow)-1]
		for _, i := range on[key] {
			if !depends[i] {
				depends[i] = true
				follow = append(follow, s.flags[i].key)
			}
		}
	}
	for i, does := range depends {
		if does {
			dependents = append(dependents, s.flags[i].key)
		}
	}
	return dependents
}
