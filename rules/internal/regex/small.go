//go:build hogflags_small

package regex

// program stands in for the backtracking machine in the small build, where
// the patterns that need it are not judged.
type program struct{}

func assemble(*node, int) *program { return nil }

func (*program) search(string) Result { return Undecided }
