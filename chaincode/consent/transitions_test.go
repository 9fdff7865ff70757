package consent_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
)

var update = flag.Bool("update", false, "write the golden files anew")

// allowed lists, for each message, who may send it in which state. Everything else is refused.
var allowed = map[string]map[string]string{
	"MemberAdmit":     anywhere("authorities"),
	"MemberUpdate":    anywhere("authorities"),
	"MemberSuspend":   anywhere("authorities"),
	"AuthorityChange": anywhere("authorities"),
	"Close":           anywhere("authorities"),
	"SubjectOpen":     except("suspended", anywhere("custodian")),
	"Anchor":          except("suspended", anywhere("custodian")),
	"SubjectCode":     {"opened": "custodian"},
	"SubjectClaim":    {"opened": "code"},
	"KeyRotate":       withKey("old-and-new"),
	"GuardiansSet":    withKey("subject"),
	"RecoveryBegin":   withKey("guardians"),
	"RecoveryVeto":    {"recovering": "subject"},
	"RecoveryFinish":  {"recovering": "new-key code"}, // an opening too many is no harm
	"ConsentGrant":    and("opened", "delegate", withKey("subject delegate")),
	"ConsentDecline":  and("opened", "delegate", withKey("subject delegate")),
	"ConsentRevoke":   and("opened", "delegate", withKey("subject delegate")),
	"RevokeAll":       and("opened", "delegate", withKey("subject delegate")),
	"ConsentAttest":   {"opened": "custodian", "active": "custodian", "recovering": "custodian"},
	"ConsentConfirm":  withKey("subject"),
	"Delegate":        and("opened", "custodian", withKey("subject")),
	"DelegateEnd":     and("opened", "custodian delegate", withKey("subject delegate")),
	"Erase":           and("opened", "custodian", and("suspended", "subject", withKey("subject custodian"))),
	"Init":            {}, // there is a genesis
	"Import":          {}, // this host takes no ledger over
}

func anywhere(who string) map[string]string {
	m := map[string]string{}
	for _, s := range states {
		if s != "closed" {
			m[s] = who
		}
	}
	return m
}

func except(state string, m map[string]string) map[string]string {
	delete(m, state)
	return m
}

// withKey: a suspended custodian does not hinder its subjects.
func withKey(who string) map[string]string {
	return map[string]string{"active": who, "recovering": who, "suspended": who}
}

func and(state, who string, m map[string]string) map[string]string {
	m[state] = who
	return m
}

// TestTransitions tries every message in every state with every signer. What is not allowed is refused, and the codes are
// those of testdata/transitions.txt.
func TestTransitions(t *testing.T) {
	var table bytes.Buffer
	lines := map[string]string{}
	for _, state := range states {
		x := newScene(t, state)
		for _, name := range consent.Types() {
			byCode := map[string][]string{}
			for _, who := range signers {
				err := x.try(name, who)
				want := slices.Contains(strings.Fields(allowed[name][state]), who.name)
				if (err == nil) != want {
					t.Errorf("%s of a subject that is %s, signed by %s: %v, want accepted %v", name, state, who.name, err, want)
				}
				c := string(consent.CodeOf(err))
				if c == "" {
					c = "accepted"
				}
				byCode[c] = append(byCode[c], who.name)
			}
			lines[name+" "+state] = line(byCode)
		}
	}
	for _, name := range consent.Types() {
		for _, state := range states {
			fmt.Fprintf(&table, "%s, %s:%s\n", name, state, lines[name+" "+state])
		}
	}
	golden(t, "testdata/transitions.txt", table.Bytes())
}

// try runs a message without keeping what it writes.
func (x *scene) try(name string, who signer) error {
	x.t.Helper()
	v, err := consent.Verify(x.w.Ledger, x.w.SignOpen(x.body(name), who.open(x), who.keys(x)...))
	if err != nil {
		x.t.Fatalf("%s by %s is not in form: %v", name, who.name, err)
	}
	_, err = consent.Run(consent.Tx{ID: "try", Time: x.w.Now}, x.st, v)
	return err
}

// line prints who is answered what; the commonest answer comes last, as "else".
func line(byCode map[string][]string) string {
	codes := slices.SortedFunc(maps.Keys(byCode), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(byCode[a]), len(byCode[b])), cmp.Compare(a, b))
	})
	var b strings.Builder
	for _, c := range codes[:len(codes)-1] {
		fmt.Fprintf(&b, " %s: %s;", c, strings.Join(byCode[c], ", "))
	}
	return b.String() + " else " + codes[len(codes)-1]
}

// golden compares got with a file, or writes the file with -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Fatalf("%s (-want +got; -update writes it anew):\n%s", path, d)
	}
}
