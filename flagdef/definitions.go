package flagdef

// Definitions is a parsed definitions document. It refers to the bytes it
// was parsed from and is not changed after Parse returns, so it is safe for
// concurrent use.
type Definitions struct {
	Flags []Flag // in the order of the document

	// GroupTypes maps a group type index to the type's name ("0" → "company").
	GroupTypes map[string]string

	Cohorts map[string]Cohort // by cohort id, as written

	// MinimalFlagCalledEvents says that the server asks for the slim form of
	// $feature_flag_called.
	MinimalFlagCalledEvents bool

	// PropertyMatchingVersion is 1 (boolean coercion) or 2 (explicit).
	PropertyMatchingVersion int
}

// Flag stub.
type Flag struct{ Key string }

// Cohort stub.
type Cohort struct{}

// Parse stub.
func Parse(body []byte) (*Definitions, error) { panic("not yet") }

// Revision identifies a definitions document: the SHA-256 of its bytes.
type Revision [32]byte
