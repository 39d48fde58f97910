package rules

// Withheld returns a set of the same flags in which none is decided, as why is
// missing: for definitions that are held and not to be answered from. Flags that
// are spared are answered as ever; nil spares none. Flags for another runtime or
// other contexts stay not found. It shares everything with s, and costs next to
// nothing.
func (s *Set) Withheld(why Missing, spared func(key string) bool) *Set {
	held := *s
	held.withheld, held.spared = &why, spared
	return &held
}

// withholds is what a flag is not decided for want of; nil if it may be.
func (s *Set) withholds(f *flag) *Missing {
	if s.withheld == nil || s.spared != nil && s.spared(f.key) {
		return nil
	}
	return s.withheld
}
