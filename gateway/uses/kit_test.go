package uses_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// kit is a use log's places on disk, and what a wallet and an auditor know of it.
type kit struct {
	testing.TB
	root   string
	cfg    uses.Config
	vault  *vault.Vault
	pinned proof.Log
}

const origin = "uses.example/city-hospital"

func newKit(tb testing.TB) *kit {
	tb.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	must(tb, err)
	signer, err := note.NewSigner(skey)
	must(tb, err)
	verifier, err := note.NewVerifier(vkey)
	must(tb, err)
	root := tb.TempDir()
	must(tb, os.MkdirAll(filepath.Join(root, "keys"), 0o700))
	vc := vault.Config{Dir: filepath.Join(root, "vault"), EpochKeyPath: filepath.Join(root, "keys", "epoch")}
	must(tb, vault.Init(context.Background(), vc))
	v, err := vault.Open(context.Background(), vc)
	must(tb, err)
	tb.Cleanup(func() { must(tb, v.Close()) })
	k := &kit{TB: tb, root: root, vault: v, pinned: proof.Log{Origin: origin, Verifier: verifier}}
	k.cfg = uses.Config{
		Journal: journal.Config{
			Dir: filepath.Join(root, "log"), AnchorPath: filepath.Join(root, "anchor"), Origin: origin, Signer: signer, Verifier: verifier,
			SegmentBytes: 1 << 20,
		},
		IndexDir: filepath.Join(root, "index"), Vault: v, Secret: []byte("sixteen bytes or more"),
	}
	must(tb, uses.Init(k.cfg))
	return k
}

func (k *kit) open() *uses.Log {
	k.Helper()
	l, err := uses.Open(context.Background(), k.cfg)
	must(k, err)
	k.Cleanup(func() { must(k, l.Close()) })
	return l
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantCode(tb testing.TB, err error, want consent.Code) {
	tb.Helper()
	if consent.CodeOf(err) != want {
		tb.Fatalf("error %v of code %q, want %q", err, consent.CodeOf(err), want)
	}
}

// handleOf is the handle that has a slot in every test.
func handleOf(slot consent.Uint64) consent.SubjectID {
	return consenttest.NewStream(fmt.Sprintf("handle %d", slot)).Handle()
}

// sample is the n-th use of a slot as access control would hand it over.
func sample(slot consent.Uint64, n int) uses.Use {
	u := uses.Use{
		Handle: handleOf(slot), Time: 1_790_000_000_000 + consent.Millis(n)*17_003, Kind: proof.Decision,
		Requester: consenttest.RosaInstitute, Actors: []string{"rosa-institute:Practitioner/rosa"},
		Roles:   []consent.Coding{{Code: "researcher"}},
		Purpose: consenttest.Purposes("HRESCH")[0], Action: consent.Coding{Code: "access"},
		ResourceTypes: []string{"Observation"}, Resources: []string{fmt.Sprintf("Observation/canary-%d", n)},
		Labels:   []consent.Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Code: "N"}},
		Decision: proof.Permit, ConsentDecision: "PERMIT", Reasons: []proof.Reason{{Rule: "F1", Code: "match", Text: "A rule permits this."}},
		Sentence: proof.Sentence{Text: "Rosa's Institute read your observations for research."},
		Consents: []consent.Uint64{3}, Rules: []string{"3/provision[1]"}, Position: 42, Algorithm: "deny-overrides", Implicit: "deny",
		RequestID: fmt.Sprintf("request-%d", n),
	}
	if n%4 == 3 {
		u.Decision, u.ConsentDecision, u.Requester, u.Emergency = proof.Deny, "DENY", consenttest.BobPractice, "unconscious"
		u.Purpose = consenttest.Purposes("TREAT")[0]
	}
	return u
}

func inputOf(slot consent.Uint64, n int) []byte {
	return fmt.Appendf(nil, `{"slot":%d,"n":%d}`, slot, n)
}

func record(tb testing.TB, l *uses.Log, slot consent.Uint64, n int) uses.Receipt {
	tb.Helper()
	r, err := l.Record(context.Background(), slot, sample(slot, n), inputOf(slot, n))
	must(tb, err)
	return r
}
