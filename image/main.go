// Command image builds the container image of hogflags, for linux/amd64 and
// linux/arm64, without a daemon and without a base image:
//
//	go run . -out ../bin/hogflags-image.tar
//
// It writes an archive in OCI's image layout, which skopeo, podman and Docker
// load and push. The same commit and version of Go give the same bytes on every
// host.
package main

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// architectures of the image, all on Linux.
var architectures = []string{"amd64", "arm64"}

func main() {
	repository := flag.String("repository", "..", "build the hogflags in this `folder`")
	out := flag.String("out", "hogflags-image.tar", "write the archive to this `file`")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "image: unexpected argument %q; try: go run . -out hogflags-image.tar\n", flag.Arg(0))
		os.Exit(2)
	}
	name, err := build(context.Background(), *repository, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Printf("image: wrote %s to %s\n", name, *out)
}

// build writes the archive, and returns the image's name and digest.
func build(ctx context.Context, repository, out string) (string, error) {
	scratch, err := os.MkdirTemp("", "hogflags-image-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	var l layout
	var of origin
	var images []descriptor
	for _, arch := range architectures {
		path := filepath.Join(scratch, arch)
		if err := compile(ctx, repository, arch, path); err != nil {
			return "", fmt.Errorf("build for %s: %w", arch, err)
		}
		if of, err = originOf(path); err != nil {
			return "", err
		}
		binary, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		image, err := addImage(&l, arch, binary, of)
		if err != nil {
			return "", fmt.Errorf("image for %s: %w", arch, err)
		}
		images = append(images, image)
	}
	index, err := addIndex(&l, images, of)
	if err != nil {
		return "", err
	}
	file, err := os.Create(out)
	if err != nil {
		return "", err
	}
	if err := errors.Join(l.write(file, index, of.time), file.Close()); err != nil {
		return "", fmt.Errorf("write %s: %w", out, err)
	}
	return "hogflags:" + of.tag() + " " + index.Digest, nil
}

// compile builds a binary that needs nothing of the system that it runs on, and
// in which no path of this host is.
func compile(ctx context.Context, repository, arch, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=auto", "-ldflags=-s -w", "-o", path, "./cmd/hogflags")
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOWORK=off")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// origin is the commit that a binary was built from, as Go has noted in it.
type origin struct {
	version  string // "devel" outside of a clone
	revision string // empty outside of a clone
	time     time.Time
}

func originOf(path string) (origin, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return origin{}, err
	}
	of := origin{version: strings.Trim(cmp.Or(info.Main.Version, "devel"), "()"), time: time.Unix(0, 0).UTC()}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			of.revision = s.Value
		case "vcs.time":
			if of.time, err = time.Parse(time.RFC3339, s.Value); err != nil {
				return of, fmt.Errorf("time of the commit: %w", err)
			}
		}
	}
	return of, nil
}

// tag is the version as a registry takes it.
func (o origin) tag() string { return strings.ReplaceAll(o.version, "+", "-") }
