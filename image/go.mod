module github.com/hogflags/hogflags/image

go 1.26.0

require (
	github.com/hogflags/hogflags v0.0.0
	golang.org/x/crypto/x509roots/fallback v0.0.0-20261030153154-30a33513ff6d
)

replace github.com/hogflags/hogflags => ../
