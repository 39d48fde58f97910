package ofprovider

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/hogflags/hogflags"
	mapping "github.com/hogflags/hogflags/internal/openfeature"
	"github.com/hogflags/hogflags/rules"
)

// BooleanEvaluation is whether the flag is on, with whatever variant.
func (p *Provider) BooleanEvaluation(ctx context.Context, key string, fallback bool, flat openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	return resolve(ctx, p, key, fallback, flat, func(a hogflags.Answer) (bool, error) { return a.Enabled(), nil })
}

// StringEvaluation is the variant. A flag that is off has the fallback, one that
// is on without a variant is TYPE_MISMATCH.
func (p *Provider) StringEvaluation(ctx context.Context, key string, fallback string, flat openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	return resolve(ctx, p, key, fallback, flat, variantOf)
}

// FloatEvaluation is the variant, read as a number, else as StringEvaluation.
func (p *Provider) FloatEvaluation(ctx context.Context, key string, fallback float64, flat openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	return resolve(ctx, p, key, fallback, flat, func(a hogflags.Answer) (float64, error) {
		variant, err := variantOf(a)
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseFloat(variant, 64)
		if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
			return 0, mismatch("the variant %q is no number", variant)
		}
		return n, nil
	})
}

// IntEvaluation is the variant, read as a whole number, else as StringEvaluation.
func (p *Provider) IntEvaluation(ctx context.Context, key string, fallback int64, flat openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	return resolve(ctx, p, key, fallback, flat, func(a hogflags.Answer) (int64, error) {
		variant, err := variantOf(a)
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(variant, 10, 64)
		if err != nil {
			return 0, mismatch("the variant %q is no whole number of 64 bits", variant)
		}
		return n, nil
	})
}

// ObjectEvaluation is the payload of the value served, a map or a slice as
// encoding/json makes them. A flag that is off has the fallback, one that is on
// with another payload or none is TYPE_MISMATCH.
func (p *Provider) ObjectEvaluation(ctx context.Context, key string, fallback any, flat openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	return resolve(ctx, p, key, fallback, flat, func(a hogflags.Answer) (any, error) {
		switch {
		case !a.Enabled():
			return nil, errOff
		case !a.PayloadKnown():
			return nil, errors.New("the payload is encrypted")
		case a.Payload() == nil:
			return nil, mismatch("the flag has no payload")
		}
		var v any
		if err := hogflags.DecodePayload(a.Payload(), &v); err != nil {
			return nil, mismatch("the payload is no JSON")
		}
		switch v.(type) {
		case map[string]any, []any:
			return v, nil
		}
		return nil, mismatch("the payload is neither an object nor a list")
	})
}

// errOff stands for a flag that is off and so has no value of the type.
var errOff = errors.New("the flag is off")

// mismatchError is a flag that is on and has no value of the type.
type mismatchError struct{ text string }

func (e *mismatchError) Error() string { return e.text }

func mismatch(format string, args ...any) error {
	return &mismatchError{fmt.Sprintf(format, args...)}
}

func variantOf(a hogflags.Answer) (string, error) {
	switch {
	case !a.Enabled():
		return "", errOff
	case a.Variant() == "":
		return "", mismatch("the flag is on without a variant")
	}
	return a.Variant(), nil
}

// resolve evaluates a flag and takes a value of the type out of the answer.
func resolve[T any](ctx context.Context, p *Provider, key string, fallback T, flat openfeature.FlattenedContext, take func(hogflags.Answer) (T, error)) openfeature.GenericResolutionDetail[T] {
	detail := openfeature.GenericResolutionDetail[T]{Value: fallback}
	subject, bad := p.subject(ctx, flat)
	if bad != nil {
		detail.ResolutionError, detail.Reason = *bad, openfeature.ErrorReason
		return detail
	}
	answer, err := p.client.GetFeatureFlagResult(ctx, key, subject)
	if err == nil {
		detail.Variant, detail.Reason, detail.FlagMetadata = answer.Variant(), openfeature.Reason(mapping.Reason(answer.Enabled(), answer.Reason())), p.metadata(answer)
		var value T
		if value, err = take(answer); err == nil {
			detail.Value = value
			return detail
		}
		if errors.Is(err, errOff) {
			return detail // no error: hooks for errors are not for flags that are off
		}
	}
	detail.Variant, detail.Reason, detail.ResolutionError = "", openfeature.ErrorReason, resolutionError(key, err)
	return detail
}

// resolutionError puts an error into OpenFeature's words.
func resolutionError(key string, err error) openfeature.ResolutionError {
	text := fmt.Sprintf("flag %q: %v", key, err)
	if _, ok := errors.AsType[*mismatchError](err); ok {
		return openfeature.NewTypeMismatchResolutionError(text)
	}
	switch {
	case errors.Is(err, hogflags.ErrNotReady):
		return openfeature.NewProviderNotReadyResolutionError(text)
	case errors.Is(err, hogflags.ErrFlagNotFound):
		return openfeature.NewFlagNotFoundResolutionError(text)
	}
	return openfeature.NewGeneralResolutionError(text, err)
}

// metadata is what else is known. The version is a string, as OpenFeature's
// telemetry wants it.
func (p *Provider) metadata(a hogflags.Answer) openfeature.FlagMetadata {
	m := openfeature.FlagMetadata{mapping.MetaLocal: a.DecidedLocally()}
	if a.ID() != 0 {
		m[mapping.MetaID] = a.ID()
	}
	if a.Version() != 0 {
		m[mapping.MetaVersion] = strconv.FormatInt(a.Version(), 10)
	}
	if a.Reason() != "" {
		m[mapping.MetaReason] = a.Reason()
	}
	if a.DecidedLocally() {
		m[mapping.MetaRevision] = p.currentRevision()
	}
	return m
}

// revision is what a set of rules was compiled from.
type revision struct {
	set  *rules.Set
	text string
}

// currentRevision remembers the revision of the current rules: a client's status
// is not for every evaluation.
func (p *Provider) currentRevision() string {
	set := p.client.Rules()
	if r := p.revision.Load(); r != nil && r.set == set {
		return r.text
	}
	r := &revision{set, p.client.Status().Revision.String()}
	if p.client.Rules() == set { // else the status may be that of the next
		p.revision.Store(r)
	}
	return r.text
}
