package consent

import (
	"bytes"
	"strings"
)

// Again runs the contract once more on a message that a host has taken, on the state that was before it, and requires that
// it comes to the leaf. So whoever takes over a ledger, or checks one, need not believe who ran it. log is the log before
// the leaf; only an Import looks at it.
//
// The leaf tells the minute. The contract runs at both ends of it: the host's time lay between them, and what depends on it
// (a delegation that begins, a delay that ends) does so once.
func Again(r Reader, v Verified, leaf Leaf, log Tree) (Outcome, error) {
	want := leaf.Marshal()
	var first error
	for _, at := range []Millis{leaf.Time, leaf.Time + minute - 1} {
		o, err := Run(Tx{ID: leaf.Commitment.String(), Time: at, Log: log}, r, v)
		if err == nil && bytes.Equal(o.Leaf.Marshal(), want) {
			return o, nil
		}
		if err == nil {
			err = errorf(Malformed, "the contract writes something else than the leaf says")
		}
		if first == nil {
			first = err
		}
	}
	return Outcome{}, errorf(CodeOf(first), "run the contract again: %w", first)
}

// AloneAbout checks that a leaf whose message is not there any more speaks of one subject and of nothing else, and returns
// the subject. Only what an erasure may have taken away can be missing.
func AloneAbout(leaf Leaf) (SubjectID, error) {
	ev, err := EventOf(leaf)
	if err != nil {
		return SubjectID{}, err
	}
	if ev.Handle.IsZero() {
		return SubjectID{}, errorf(Malformed, "the message of a leaf that speaks of no subject is missing")
	}
	for _, w := range leaf.Writes {
		kind, rest, _ := strings.Cut(w.Key, "/")
		switch own := strings.HasPrefix(rest, ev.Handle.String()); {
		case (kind == "head" || kind == "consent" || kind == "delegation") && own:
		case kind == "slot" && leaf.Type == "SubjectOpen":
		default:
			return SubjectID{}, errorf(Malformed, "a leaf about one subject writes %s", w.Key)
		}
	}
	return ev.Handle, nil
}
