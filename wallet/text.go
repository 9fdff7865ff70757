package wallet

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// titles say in a person's words what a message does. A type that is not here is named by its own words.
var titles = map[string]string{
	"SubjectClaim":   "Enrol: register your key for a handle",
	"KeyRotate":      "Replace your key",
	"GuardiansSet":   "Name the people who can bring you back",
	"RecoveryBegin":  "Begin to replace somebody's lost key",
	"RecoveryVeto":   "Stop a recovery: you still have your key",
	"RecoveryFinish": "Finish a recovery with your new key",
	"ConsentGrant":   "Give consent",
	"ConsentDecline": "Say no to a request",
	"ConsentRevoke":  "Withdraw one consent",
	"RevokeAll":      "Withdraw every consent of this handle",
	"ConsentConfirm": "Make a consent your own that others recorded",
	"ConsentAttest":  "Record a consent for a patient",
	"Delegate":       "Let somebody act for you",
	"DelegateEnd":    "End somebody's power to act for you",
	"Erase":          "Erase what is kept about this handle",
}

// labels are the words for members whose names do not speak for themselves.
var labels = map[string]string{
	"accessMode":     "Way of access",
	"codeCommit":     "Commitment of the enrolment code",
	"codes":          "Clinical codes",
	"consent":        "Consent",
	"controllers":    "Answerable for the data",
	"data":           "Named records",
	"dataPeriod":     "Data from the time",
	"delegate":       "Key of the delegate",
	"eraseBy":        "Recipients erase it by",
	"evidence":       "SHA-256 of the paper document",
	"grantees":       "Must comply",
	"grantors":       "Given by",
	"jwks":           "Key set for programs (JWKS)",
	"guardianCommit": "Commitment of the guardians",
	"keyCommit":      "Commitment of the key",
	"kind":           "Kind",
	"labels":         "Security labels",
	"locale":         "Language of the text you saw",
	"majority":       "Ends at coming of age",
	"maxUses":        "Permitted uses at most",
	"policies":       "Policies",
	"prev":           "Follows message",
	"provisions":     "Rules",
	"recordedAt":     "Dated",
	"replaces":       "Takes the place of consent",
	"request":        "Answers request",
	"roles":          "Requester's role",
	"salt":           "Salt",
	"seq":            "Number in your chain",
	"textHash":       "SHA-256 of the text you saw",
	"url":            "Web address",
}

// details are members that only a machine reads.
var details = map[string]bool{"seq": true, "prev": true, "salt": true}

// references are members whose strings name people or organisations.
var references = map[string]bool{"grantors": true, "grantees": true, "controllers": true}

// durations are members that hold a length of time in the type of an instant.
var durations = map[string]bool{"recoveryDelay": true}

// zeros are the words for a zero that does not mean the number nought.
var zeros = map[string]string{"maxUses": "no limit", "replaces": "none"}

func labelOf(member string) string {
	if l, known := labels[member]; known {
		return l
	}
	return words(member)
}

// words takes a camel-case name apart: "revokedThrough" is "Revoked through".
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case i == 0:
			b.WriteRune(unicode.ToUpper(r))
		case unicode.IsUpper(r):
			b.WriteByte(' ')
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
	}
	return Escape(b.String())
}

// Escape makes s safe to show on one line: control characters, line and paragraph separators, bidirectional controls,
// zero-width and other invisible characters, unusual spaces and bytes that are no UTF-8 appear as \u{hex} or \x and two
// hex digits. A backslash is doubled, so an escape cannot be forged.
func Escape(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\\':
			b.WriteString(`\\`)
		case invisible(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}

// invisible reports whether r shows nothing, moves other characters, or looks like a plain space without being one.
// Braille pattern blank is a symbol to Unicode, but an empty one.
func invisible(r rune) bool {
	return !unicode.IsPrint(r) || r == '\u2800' ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// lookTwice warns of an id outside ASCII: Cyrillic "а" is not Latin "a".
func lookTwice(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return warnLetters
		}
	}
	return ""
}
