//go:build !amd64 || purego

package sha1

func sum(words []uint64) uint64 { return sumGo(words) }
