//go:build !(arm64 || s390x) || purego

package sha1

const standard = false

func sumStandard([]byte) uint64 { panic("unreachable") }
