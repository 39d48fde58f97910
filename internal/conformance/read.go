package conformance

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// maxLine bounds one case, in bytes, so that a file of something else, or a
// compressed bomb, is an error and not all of memory.
const maxLine = 64 << 20

// Read yields the cases of a JSON Lines stream, gzipped or not. An error names
// the line and ends the sequence.
func Read(r io.Reader) iter.Seq2[*Case, error] {
	return func(yield func(*Case, error) bool) {
		plain, err := decompressed(r)
		if err != nil {
			yield(nil, err)
			return
		}
		lines := bufio.NewScanner(plain)
		lines.Buffer(nil, maxLine)
		number := 0
		for lines.Scan() {
			number++
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			c, err := parse(lines.Bytes())
			if err != nil {
				yield(nil, fmt.Errorf("line %d: %w", number, err))
				return
			}
			if !yield(c, nil) {
				return
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(nil, fmt.Errorf("line %d: longer than %d MiB", number+1, maxLine>>20))
		case err != nil:
			yield(nil, fmt.Errorf("line %d: %w", number+1, err))
		}
	}
}

// decompressed looks at the first bytes: a name says less.
func decompressed(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	if magic, _ := buffered.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}

func parse(line []byte) (*Case, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber() // 1.0 is not 1
	var c Case
	if err := dec.Decode(&c); err != nil {
		return nil, fmt.Errorf("decode case: %w", err)
	}
	if c.ID == "" || len(c.Definitions) == 0 || len(c.Calls) == 0 {
		return nil, errors.New("not a case: it needs id, definitions, calls and expected")
	}
	return &c, nil
}
