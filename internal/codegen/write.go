package codegen

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// write writes everything about a flag.
func (f *flag) write(w *bytes.Buffer) {
	key, variant, typ := f.name+keyName, f.name+variantName, f.typeName()
	fmt.Fprintf(w, "\n// %s is the key of the flag.\nconst %[1]s = %q\n", key, f.key)
	fmt.Fprintf(w, "\n// %s reads the flag.\nvar %[1]s %s\n\ntype %[2]s struct{}\n", f.name, typ)
	if len(f.variants) > 0 {
		fmt.Fprintf(w, "\n// %s is a variant of the flag, empty for none.\ntype %[1]s string\n\n// The variants.\nconst (\n", variant)
		for _, v := range f.variants {
			fmt.Fprintf(w, "%s %s = %q\n", f.name+f.consts[v], variant, v)
		}
		w.WriteString(")\n")
		fmt.Fprintf(w, `
// Get asks the client which variant is served: none if the flag is off, or on
// without a variant. The errors are those of GetFeatureFlag.
func (%s) Get(ctx context.Context, client *hogflags.Client, subject hogflags.Subject) (%s, error) {
	value, err := client.GetFeatureFlag(ctx, %s, subject)
	variant, _ := value.(string)
	return %[2]s(variant), err
}

// Variant is the variant served: none if the flag is off, on without a variant,
// or not decided.
func (%[1]s) Variant(e hogflags.Evaluations) %[2]s { return %[2]s(e.Variant(%[3]s)) }
`, typ, variant, key)
	} else {
		fmt.Fprintf(w, `
// Get asks the client whether the flag is on. The errors are those of
// IsFeatureEnabled.
func (%s) Get(ctx context.Context, client *hogflags.Client, subject hogflags.Subject) (bool, error) {
	return client.IsFeatureEnabled(ctx, %s, subject)
}
`, typ, key)
	}
	fmt.Fprintf(w, "\n// Enabled reports whether the flag is decided and on.\nfunc (%s) Enabled(e hogflags.Evaluations) bool { return e.IsEnabled(%s) }\n", typ, key)
	f.writePayload(w)
}

func (f *flag) writePayload(w *bytes.Buffer) {
	if f.payload == nil {
		return
	}
	key, typ, payload := f.name+keyName, f.typeName(), f.payload.source()
	if f.payload.kind == mixed {
		fmt.Fprintf(w, "\n// Payload is the payload served, as it is stored; nil for none. Payloads of\n// this flag have no type in common.\nfunc (%s) Payload(e hogflags.Evaluations) json.RawMessage { return e.Payload(%s) }\n", typ, key)
		return
	}
	if f.payload.kind == object {
		fmt.Fprintf(w, "\n// %s is what the flag's payloads hold.\ntype %[1]s %s\n", f.name+payloadName, payload)
		payload = f.name + payloadName
	}
	fmt.Fprintf(w, `
// Payload decodes the payload served. The errors are those of PayloadInto.
func (%s) Payload(e hogflags.Evaluations) (payload %s, err error) {
	err = e.PayloadInto(%s, &payload)
	return payload, err
}
`, typ, payload, key)
}

// typeName is the unexported type of the flag's variable. It ends like no
// keyword and no imported package.
func (f *flag) typeName() string {
	first, size := utf8.DecodeRuneInString(f.name)
	return string(unicode.ToLower(first)) + f.name[size:] + "Flag"
}
