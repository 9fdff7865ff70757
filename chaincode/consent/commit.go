package consent

import (
	"crypto/sha256"
)

// Every commitment is SHA-256 over a label, a salt and a value. The label keeps a commitment of one sort from opening as
// another.

// KeyCommitment commits to a subject's signing key.
func KeyCommitment(salt Hash, a Address) Hash {
	return commit("volens/key/1", salt[:], a[:])
}

// GuardianCommitment commits to a guardian set.
func GuardianCommitment(g Guardians) Hash {
	return commit("volens/guardians/1", Append(nil, g))
}

// CodeSecret turns a one-time enrolment code, as a person types it, into the secret that a SubjectClaim opens. Case,
// spaces and hyphens do not count.
func CodeSecret(code string) Hash {
	b := make([]byte, 0, len(code))
	for _, c := range []byte(code) {
		switch {
		case c == ' ' || c == '-':
		case c >= 'a' && c <= 'z':
			b = append(b, c-'a'+'A')
		default:
			b = append(b, c)
		}
	}
	return commit("volens/code/1", b)
}

// CodeCommitment commits to the secret of an enrolment code. The code carries 128 random bits, so no salt is needed.
func CodeCommitment(secret Hash) Hash { return commit("volens/code-commitment/1", secret[:]) }

func commit(label string, parts ...[]byte) Hash {
	h := sha256.New()
	h.Write([]byte{byte(len(label))})
	h.Write([]byte(label))
	for _, p := range parts {
		h.Write(p)
	}
	return Hash(h.Sum(nil))
}
