package loader

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/internal/atomicfile"
)

// lastKnownGood is a file that holds one document:
//
//	hogflags-definitions 1 <SHA-256 of all that follows this line>
//	{"project":…,"host":…,"etag":…,…}
//	<the document, byte for byte>
type lastKnownGood struct {
	path, project, host string
}

const (
	fileMagic = "hogflags-definitions 1 "
	// maxFileBytes leaves room for the two lines before the document.
	maxFileBytes = flagdef.MaxBytes + 64<<10
)

type fileHeader struct {
	Project   string    `json:"project"` // projectHash of the token
	Host      string    `json:"host"`
	ETag      string    `json:"etag"`
	FetchedAt time.Time `json:"fetched_at"`
	CheckedAt time.Time `json:"checked_at"` // when it was written; confirmations later on are not
}

// projectHash identifies a project without spelling its token.
func projectHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func (f lastKnownGood) encode(doc document) ([]byte, error) {
	header, err := json.Marshal(fileHeader{
		Project:   f.project,
		Host:      f.host,
		ETag:      doc.etag,
		FetchedAt: doc.fetchedAt.UTC(),
		CheckedAt: doc.checkedAt.UTC(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode header: %w", err)
	}
	rest := slices.Concat(header, []byte("\n"), doc.body)
	return fmt.Appendf(nil, "%s%x\n%s", fileMagic, sha256.Sum256(rest), rest), nil
}

func (f lastKnownGood) decode(data []byte) (document, error) {
	line, rest, ok := bytes.Cut(data, []byte("\n"))
	sum, magic := bytes.CutPrefix(line, []byte(fileMagic))
	if !ok || !magic {
		return document{}, errors.New("it is not a last-known-good file of this version")
	}
	if fmt.Sprintf("%x", sha256.Sum256(rest)) != string(sum) {
		return document{}, errors.New("it is damaged: the checksum does not match")
	}
	line, body, _ := bytes.Cut(rest, []byte("\n"))
	var header fileHeader
	if err := json.Unmarshal(line, &header); err != nil {
		return document{}, fmt.Errorf("read header: %w", err)
	}
	switch {
	case header.Project != f.project:
		return document{}, errors.New("it belongs to another project")
	case header.Host != f.host:
		return document{}, fmt.Errorf("it belongs to another host, %q", header.Host)
	}
	return document{
		body:      body,
		etag:      header.ETag,
		source:    File,
		fetchedAt: header.FetchedAt,
		checkedAt: header.CheckedAt,
	}, nil
}

func (f lastKnownGood) read() (document, error) {
	// Opening a pipe or a device could block for ever.
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return document{}, err
	case !info.Mode().IsRegular():
		return document{}, errors.New("it is not a regular file")
	}
	file, err := os.Open(f.path)
	if err != nil {
		return document{}, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return document{}, err
	}
	if len(data) > maxFileBytes {
		return document{}, fmt.Errorf("it exceeds %d bytes", maxFileBytes)
	}
	return f.decode(data)
}

// write replaces the file in one step. Only the owner may read it.
func (f lastKnownGood) write(doc document) error {
	data, err := f.encode(doc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return atomicfile.Write(ctx, f.path, data)
}
