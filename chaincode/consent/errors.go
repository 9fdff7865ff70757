package consent

import (
	"errors"
	"fmt"
)

// Code is the one error vocabulary of Volens. It crosses every wire: the chaincode encodes it, the gateway maps it to an
// HTTP status in one table, the client decodes it again. The list is append-only.
type Code string

// The codes.
const (
	Malformed    Code = "malformed"    // the message is not in the one accepted form; do not resend it
	TooLarge     Code = "too-large"    // a size limit of FORMAT.md is exceeded
	BadSignature Code = "signature"    // a signature is missing, malformed, or by the wrong key
	Unauthorized Code = "unauthorized" // well signed, but by somebody who may not do this
	NotFound     Code = "not-found"    // no such thing, or not yours: the two look the same
	Conflict     Code = "conflict"     // seq or prev is not the head's: read the head again and sign anew
	Exists       Code = "exists"       // the id is taken
	WrongState   Code = "state"        // the subject or the consent is not in a state that allows this
	Erased       Code = "erased"       // the subject was erased; a new enrolment takes a new handle
	Expired      Code = "expired"      // too late: a deadline, delegation or code has run out
	TooEarly     Code = "too-early"    // a waiting time has not run out yet
	Closed       Code = "closed"       // the ledger was closed
	Unavailable  Code = "unavailable"  // not now; nothing was written; try again
	Full         Code = "full"         // no disk space left; revocations still work
	Fenced       Code = "fenced"       // storage failed; this node acknowledges nothing any more
	Unknown      Code = "unknown"      // the outcome is not known; ask by commitment before anything is said to a person
	Internal     Code = "internal"     // a broken invariant
)

// Codes lists every code, in order, for tables and tests that must be exhaustive.
func Codes() []Code {
	return []Code{
		Malformed, TooLarge, BadSignature, Unauthorized, NotFound, Conflict, Exists, WrongState, Erased, Expired, TooEarly,
		Closed, Unavailable, Full, Fenced, Unknown, Internal,
	}
}

// Error is a refusal. Msg says what was wrong and holds nothing personal.
type Error struct {
	Code  Code
	Msg   string
	cause error
}

// Error implements error.
func (e *Error) Error() string { return e.Msg }

// Unwrap returns the cause, when it is part of the promise.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, &Error{Code: c}) compare by code.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// Errorf makes an Error. A %w verb keeps its cause reachable.
func Errorf(code Code, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Msg: err.Error(), cause: errors.Unwrap(err)}
}

func errorf(code Code, format string, args ...any) error { return Errorf(code, format, args...) }

// CodeOf returns the code of err: "" for nil, Internal when err is not one of ours.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
