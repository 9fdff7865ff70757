package consent

// formatVersion is the version byte of bodies and leaves.
const formatVersion = 1

// A kind is one message type. Adding a message means one file with its struct and its apply method, and one row here.
// Codes are part of the format: append-only, never reused.
type kind struct {
	code byte
	name string
	body func() Body
}

var kinds = [...]kind{
	{1, "Init", func() Body { return new(Init) }},
	{2, "AuthorityChange", func() Body { return new(AuthorityChange) }},
	{3, "MemberAdmit", func() Body { return new(MemberAdmit) }},
	{4, "MemberUpdate", func() Body { return new(MemberUpdate) }},
	{5, "MemberSuspend", func() Body { return new(MemberSuspend) }},
	{10, "SubjectOpen", func() Body { return new(SubjectOpen) }},
	{11, "SubjectCode", func() Body { return new(SubjectCode) }},
	{12, "SubjectClaim", func() Body { return new(SubjectClaim) }},
	{13, "KeyRotate", func() Body { return new(KeyRotate) }},
	{14, "GuardiansSet", func() Body { return new(GuardiansSet) }},
	{15, "RecoveryBegin", func() Body { return new(RecoveryBegin) }},
	{16, "RecoveryVeto", func() Body { return new(RecoveryVeto) }},
	{17, "RecoveryFinish", func() Body { return new(RecoveryFinish) }},
	{20, "ConsentGrant", func() Body { return new(ConsentGrant) }},
	{21, "ConsentDecline", func() Body { return new(ConsentDecline) }},
	{22, "ConsentRevoke", func() Body { return new(ConsentRevoke) }},
	{23, "RevokeAll", func() Body { return new(RevokeAll) }},
	{24, "ConsentAttest", func() Body { return new(ConsentAttest) }},
	{25, "ConsentConfirm", func() Body { return new(ConsentConfirm) }},
	{30, "Delegate", func() Body { return new(Delegate) }},
	{31, "DelegateEnd", func() Body { return new(DelegateEnd) }},
	{40, "Anchor", func() Body { return new(Anchor) }},
	{50, "Erase", func() Body { return new(Erase) }},
	{60, "Close", func() Body { return new(Close) }},
	{61, "Import", func() Body { return new(Import) }},
}

// Types lists the names of all message types, in the order of the table.
func Types() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// NewBody returns an empty body of the named type, or false.
func NewBody(name string) (Body, bool) {
	k, ok := kindNamed(name)
	if !ok {
		return nil, false
	}
	return k.body(), true
}

func kindNamed(name string) (kind, bool) {
	for _, k := range kinds {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

func kindOf(code byte) (kind, bool) {
	for _, k := range kinds {
		if k.code == code {
			return k, true
		}
	}
	return kind{}, false
}
