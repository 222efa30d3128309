package pki

import "errors"

// The kinds of refusal. Match them with errors.Is; the [*Error] in the chain
// says more.
var (
	// ErrMalformed is what does not have the required encoding.
	ErrMalformed = errors.New("malformed")
	// ErrUnsupported is a well-formed algorithm or extension that Awala does
	// not use.
	ErrUnsupported = errors.New("unsupported")
	// ErrKey is a key of the wrong type, of an unacceptable size, or one that
	// is not the key of the certificate that it is used with.
	ErrKey = errors.New("unacceptable key")
	// ErrExpired is a certificate after its validity period.
	ErrExpired = errors.New("expired")
	// ErrNotYetValid is a certificate before its validity period.
	ErrNotYetValid = errors.New("not yet valid")
	// ErrSignature is a certificate that the alleged issuer did not sign.
	ErrSignature = errors.New("invalid signature")
	// ErrNotCA is a certificate that may not issue others, used as an issuer.
	ErrNotCA = errors.New("not a certificate authority")
	// ErrPathTooLong is a path with more certificates under an issuer than its
	// path length constraint permits.
	ErrPathTooLong = errors.New("path too long")
	// ErrUntrusted is a certificate without a valid path to a trusted one. The
	// error that it wraps, if any, is what disqualified the nearest candidate.
	ErrUntrusted = errors.New("untrusted")
	// ErrValidity is a validity period that no certificate can be issued for.
	ErrValidity = errors.New("impossible validity period")
)

// Error is a refusal by this package.
type Error struct {
	// Kind is one of the sentinel errors of this package.
	Kind error
	// Detail says what was refused, for people.
	Detail string
	// Err is the cause, or nil.
	Err error
}

// Error describes the refusal.
func (e *Error) Error() string {
	text := "pki: " + e.Kind.Error()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func refuse(kind error, detail string, cause error) error {
	return &Error{Kind: kind, Detail: detail, Err: cause}
}
