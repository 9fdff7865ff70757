package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/wallet"
)

// A gateway that shows two histories of uses, each signed and whole, one to the auditor and one to the patient: the anchor on
// the ledger is of one of them.
func TestTwoHistories(t *testing.T) {
	w := nodetest.Start(t, nil)
	twoHistories(t, w, false)
}

func TestFabricTwoHistories(t *testing.T) {
	w, _, _ := onFabric(t)
	twoHistories(t, w, true)
}

// twoHistories forks the use log of w's node. On a shared ledger the forked node sees the anchor of the first history itself;
// on an embedded one, whose ledger forks with it, the patient has the anchor from somebody else.
func twoHistories(t *testing.T, w *nodetest.World, shared bool) {
	t.Helper()
	ctx := context.Background()
	alice, _ := w.Enrol("p1")
	name := w.Pseudonym(alice, consenttest.RosaInstitute)
	ask := func(n int) {
		t.Helper()
		for range n {
			if _, err := w.Member(consenttest.RosaInstitute).Access(ctx, api.AccessRequest{
				Subject: name, Purpose: consent.Coding{Code: "HRESCH"}, Actor: api.Actor{Reference: "Practitioner/rosa"},
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask(2)
	fork := node.Under(t.TempDir())
	w.Close()
	for from, to := range map[string]string{w.Cfg.Paths.Data: fork.Data, w.Cfg.Paths.Anchors: fork.Anchors, w.Cfg.Paths.Keys: fork.Keys} {
		if err := os.CopyFS(to, os.DirFS(filepath.Clean(from))); err != nil {
			t.Fatal(err)
		}
	}
	honest := w.Cfg.Paths
	w.Open()
	ask(3)
	anchored, err := w.Member(consenttest.CityHospital).AnchorNow(ctx)
	if err != nil || anchored.Receipt == nil {
		t.Fatalf("anchored: %+v, %v", anchored, err)
	}
	me := w.SignIn(alice)
	if _, err := held(t, w, alice, me, nil); err != nil {
		t.Fatalf("the history that is anchored: %v", err)
	}
	ask(1)
	if at, err := held(t, w, alice, me, nil); err != nil || at.Size == 0 {
		t.Fatalf("the same, which went on: %v", err)
	}
	w.Close()
	w.Cfg.Paths = fork
	w.Open()
	ask(7) // other ones, and more of them
	me = w.SignIn(alice)
	var elsewhere *api.Anchor
	if !shared {
		elsewhere = &anchored
	}
	if _, err := held(t, w, alice, me, elsewhere); !errors.Is(err, proof.ErrRefused) {
		t.Errorf("another history than the one that is anchored: %v", err)
	}
	w.Close()
	w.Cfg.Paths = honest
	w.Open()
}

// held proves a patient's uses and holds their log against the anchor.
func held(t *testing.T, w *nodetest.World, s *consenttest.Subject, me *client.Client, a *api.Anchor) (consent.Anchored, error) {
	t.Helper()
	ctx := context.Background()
	info, err := me.Ledger(ctx)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(info.UsesKey)
	if err != nil {
		t.Fatal(err)
	}
	st, err := me.Statement(ctx, proof.Seen{})
	if err != nil {
		t.Fatal(err)
	}
	log := proof.Log{Origin: node.UsesOrigin(w.Ledger), Verifier: v}
	now, err := proof.Check(log, proof.Seen{}, s.Handle, s.Slot, st)
	if err != nil {
		t.Fatal(err) // each history is sound in itself
	}
	if a == nil {
		got, err := me.Anchor(ctx, now.Size, 0)
		if err != nil || got.Receipt == nil {
			t.Fatalf("no anchor: %v", err)
		}
		a = &got
	}
	leaf, _, err := wallet.CheckReceipt(wallet.Ledger{ID: w.Ledger, Log: wallet.Log{Key: info.Key}}, consent.Message{}, *a.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	return log.CheckAnchor(proof.Checkpoint{Size: int64(now.Size), Root: now.Root}, consenttest.CityHospital, leaf, a.Consistency) //nolint:gosec // small
}
