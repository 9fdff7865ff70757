package consent_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// TestMakeVectors derives the vectors from a scripted ledger; with -update it writes them.
func TestMakeVectors(t *testing.T) {
	x := newSceneOf(t, "vectors", "active")
	play(x)
	takeOver(x)
	named := map[string]sig.Key{
		"alice": x.s.Key, "alice-new": fresh, "trust": trust, "regulator": regulator, "ben": ben, "cara": cara, "mother": mother, "mallory": mallory,
		"city-hospital": hospital,
	}
	vs := vectors{ChainID: strconv.Itoa(consent.ChainID), Keys: map[string]keyPair{}, Commitments: commitments(t, x)}
	for name, k := range named {
		vs.Keys[name] = keyPair{hex.EncodeToString(k.Bytes()), k.Address()}
	}
	for i, st := range x.done {
		vs.Good = append(vs.Good, goodOf(t, i+1, x.w.Ledger, st, named))
	}
	vs.Bad = badVectors(t)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(vs); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/vectors.json", b.Bytes())
}

func goodOf(t *testing.T, i int, ledger sig.Hash, st step, named map[string]sig.Key) good {
	t.Helper()
	g := describe(t, fmt.Sprintf("%02d %s", i, consent.TypeOf(st.m.Body)), ledger, st.tx, st.m, hexed(st.read), st.out)
	text, err := json.Marshal(st.m)
	if err != nil {
		t.Fatal(err)
	}
	g.Message = text
	v, err := consent.Verify(ledger, st.m)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range v.Signers() {
		for name, k := range named {
			if k.Address() == a {
				g.Signers = append(g.Signers, name)
			}
		}
	}
	return g
}

func hexed(m map[string][]byte) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = hex.EncodeToString(v)
	}
	return out
}

// play brings every message onto the ledger that x's making did not.
func play(x *scene) {
	full := x.body("ConsentGrant").(*consent.ConsentGrant)
	full.Consent, full.Request = everyField(), x.w.Rand.Hash()
	x.did(x.s, x.as("subject", full))
	narrow := x.body("ConsentGrant").(*consent.ConsentGrant)
	narrow.Replaces = full.Seq
	x.did(x.s, x.as("subject", narrow))
	steps := []struct{ name, by string }{
		{"ConsentDecline", "subject"},
		{"ConsentConfirm", "subject"},
		{"ConsentRevoke", "delegate"},
		{"DelegateEnd", "subject"},
		{"RecoveryBegin", "guardians"},
		{"RecoveryVeto", "subject"},
		{"RevokeAll", "subject"},
		{"Anchor", "custodian"},
		{"MemberUpdate", "authorities"},
		{"KeyRotate", "old-and-new"},
	}
	for _, st := range steps {
		x.w.Now += 61_234
		b := x.body(st.name)
		m := x.as(st.by, b)
		x.must(m)
		if _, ok := b.(consent.SubjectBody); ok {
			x.s.Moved(m)
		}
	}
	first := *x.s
	second, open := x.w.Open()
	x.must(open)
	x.s = second
	guardian := x.w.Sign(x.delegate("guardian"), hospital)
	x.did(second, guardian)
	x.w.Now += 60_000
	newCode := x.body("SubjectCode").(*consent.SubjectCode)
	newCode.CodeCommit = consent.CodeCommitment(consent.CodeSecret(second.Code))
	x.did(second, x.as("custodian", newCode))
	claim := x.body("SubjectClaim").(*consent.SubjectClaim)
	claim.GuardianCommit = consent.GuardianCommitment(x.guardians)
	x.did(second, x.as("code", claim))
	second.Key, second.KeySalt = fresh, x.freshSalt
	x.did(second, x.as("guardians", x.body("RecoveryBegin")))
	x.w.Now += 3*day + 61_000
	x.did(second, x.as("new-key", x.body("RecoveryFinish")))
	x.did(second, x.as("subject", x.body("Erase")))
	x.must(x.as("authorities", x.body("MemberSuspend")))
	x.must(x.as("authorities", x.body("AuthorityChange")))
	end := x.body("Close").(*consent.Close)
	end.Seq = 3
	x.must(x.w.Sign(end, trust))
	*second = first // bad vectors and keys speak of the first subject
	x.s = second
}

// takeOver opens the closed ledger on another host, where the first subject goes on.
func takeOver(x *scene) {
	x.log = consent.Tree{Size: consent.Uint64(len(x.done)), Root: x.w.Rand.Hash()}
	x.must(x.w.Sign(&consent.Import{Seq: 4, Size: x.log.Size, Root: x.log.Root, Salt: x.w.Rand.Hash()}, trust))
	x.log = consent.Tree{}
	again := *x.s
	again.Key, again.KeySalt = fresh, x.freshSalt // since KeyRotate
	x.must(x.w.SignOpen(again.RevokeAll().Body, consent.Openings{KeySalt: &again.KeySalt}, again.Key))
}

// everyField is a consent with something in every field, and letters of every width.
func everyField() consent.Consent {
	c := func(code string) []consent.Coding {
		return []consent.Coding{{System: "urn:system:é", Code: code}, {Code: "☺ 🚀"}}
	}
	p := consent.Provision{
		Effect: consent.Permit, Period: consent.Period{Start: -1, End: consenttest.Start + 1}, Roles: c("researcher"), Actions: c("access"),
		Recipients: []consent.Recipient{{Role: c("IRCP")[0], Reference: "Organization/rosa-institute"}}, Purposes: consenttest.Purposes("HRESCH", "TREAT"),
		ResourceTypes: c("Observation"), Codes: c("1-8"), Labels: c("R"), DataPeriod: consent.Period{End: consenttest.Start},
		Data: []consent.DataReference{{Meaning: "instance", Reference: "Observation/1"}},
	}
	nested := consent.Provision{Parent: 1, Effect: consent.Permit}
	deny := p
	deny.Effect = consent.Deny
	return consent.Consent{
		Kind: "research", Categories: c("59284-0"), Identifiers: []consent.Identifier{{System: "urn:ietf:rfc:3986", Value: "urn:oid:1.2"}},
		RecordedAt: consenttest.Start, Grantors: []string{"Patient/\"1\""}, Grantees: []string{"Organization/<b>&c"}, Controllers: []string{"Organization/d"},
		Period: consent.Period{Start: consenttest.Start, End: consenttest.Start + day}, Provisions: []consent.Provision{p, deny, nested},
		Policies: []string{"https://volens.example/policies/consent/1"}, TextHash: consent.Hash{1, 2, 3}, Locale: "ro-RO", MaxUses: 1<<63 - 1,
		EraseBy: consenttest.Start + 2*day, AccessMode: "view",
	}
}

func commitments(t *testing.T, x *scene) []committed {
	t.Helper()
	secret := consent.CodeSecret("AB12-CD34 ef56")
	list := []struct {
		sort  string
		input any
		c     sig.Hash
	}{
		{"key", map[string]any{"salt": x.freshSalt, "address": fresh.Address()}, consent.KeyCommitment(x.freshSalt, fresh.Address())},
		{"guardians", map[string]any{"guardians": x.guardians}, consent.GuardianCommitment(x.guardians)},
		{"secret", map[string]any{"code": "AB12-CD34 ef56"}, secret},
		{"secret", map[string]any{"code": "ab12cd34ef56"}, secret},
		{"code", map[string]any{"secret": secret}, consent.CodeCommitment(secret)},
	}
	var out []committed
	for _, c := range list {
		in, err := json.Marshal(c.input)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, committed{c.sort, in, c.c})
	}
	return out
}

// replaceOnce panics when there is not exactly one place, so that no bad vector is good by accident.
func replaceOnce(text, old, with string) string {
	if strings.Count(text, old) != 1 {
		panic(fmt.Sprintf("%q is %d times in %s", old, strings.Count(text, old), text))
	}
	return strings.Replace(text, old, with, 1)
}
