package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/hogflags/hogflags/rules"
)

// maxSubject bounds one line of --subjects, in bytes.
const maxSubject = 1 << 20

// subjectLine is a line of --subjects.
type subjectLine struct {
	DistinctID       *string                   `json:"distinct_id"`
	DeviceID         string                    `json:"device_id"`
	Groups           map[string]any            `json:"groups"`
	PersonProperties map[string]any            `json:"person_properties"`
	GroupProperties  map[string]map[string]any `json:"group_properties"`
}

const subjectsExample = `{"distinct_id":"user-1","person_properties":{"plan":"pro"}}`

// ask yields whom the question is about, one after another: a file of any
// length is never held in memory.
func (q *question) ask(std console) iter.Seq2[*rules.Subject, error] {
	return func(yield func(*rules.Subject, error) bool) {
		switch {
		case q.Subjects == "" && q.DistinctID == nil:
			yield(nil, badInput("", "nobody to ask about: name a --distinct-id or a file of --subjects"))
		case q.Subjects == "":
			subject, err := q.subject()
			yield(&subject, err)
		case q.DistinctID != nil || q.PersonJSON != "" || q.DeviceID != "" || len(q.Person)+len(q.Group)+len(q.GroupProperties) > 0:
			yield(nil, badInput("--definitions flags.json --subjects subjects.jsonl",
				"--subjects says all about each subject: it cannot stand beside --distinct-id, --device-id, --person or --group"))
		default:
			q.stream(std, yield)
		}
	}
}

func (q *question) stream(std console, yield func(*rules.Subject, error) bool) {
	frame, err := q.frame()
	if err != nil {
		yield(nil, err)
		return
	}
	in, closeInput, err := std.open(q.Subjects)
	if err != nil {
		yield(nil, badInput("", "read subjects: %w", err))
		return
	}
	defer closeInput()

	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxSubject)
	number := 0
	for lines.Scan() {
		number++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		subject, err := parseSubject(lines.Bytes(), frame)
		if err != nil {
			yield(nil, q.lineError(number, err))
			return
		}
		if !yield(&subject, nil) {
			return
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		yield(nil, q.lineError(number+1, fmt.Errorf("longer than %d MiB", maxSubject>>20)))
	case err != nil:
		yield(nil, q.lineError(number+1, err))
	}
}

func (q *question) lineError(line int, err error) error {
	return badInput("--definitions flags.json --subjects subjects.jsonl, with lines like "+subjectsExample,
		"read subjects: %s line %d: %w", q.Subjects, line, err)
}

func parseSubject(line []byte, frame rules.Subject) (rules.Subject, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	dec.DisallowUnknownFields() // a misspelt field would quietly change the answers
	var in subjectLine
	if err := dec.Decode(&in); err != nil {
		return frame, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return frame, errors.New("more than one JSON value")
	}
	if in.DistinctID == nil {
		return frame, errors.New("distinct_id is missing")
	}
	frame.DistinctID, frame.DeviceID = *in.DistinctID, in.DeviceID
	frame.Groups, frame.PersonProperties, frame.GroupProperties = in.Groups, in.PersonProperties, in.GroupProperties
	return frame, nil
}
