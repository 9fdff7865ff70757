package deposit_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/deposit"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/vault"
	"github.com/volens-ledger/volens/policies"
)

func shelf(w *nodetest.World) *deposit.Shelf {
	return deposit.New(deposit.Config{Uses: w.Node.Uses, Vault: w.Node.Vault})
}

func put(text string) api.Deposit {
	return api.Deposit{ContentType: "text/plain", Data: base64.StdEncoding.EncodeToString([]byte(text))}
}

func count(t *testing.T, s *deposit.Shelf, at deposit.Place, want int) []api.Document {
	t.Helper()
	ds, err := s.List(context.Background(), at)
	if err != nil || len(ds) != want {
		t.Fatalf("%d documents, want %d: %v", len(ds), want, err)
	}
	return ds
}

// TestDestroyed checks that a document that was taken away is destroyed, also when the process died in between.
func TestDestroyed(t *testing.T) {
	ctx := context.Background()
	w := nodetest.Start(t, nil)
	alice, _ := w.Enrol("r")
	at := deposit.Place{Handle: alice.Handle, Slot: alice.Slot}
	s := shelf(w)
	for _, text := range []string{"one", "two", "three"} {
		if _, err := s.Put(ctx, at, put(text), proof.Use{}); err != nil {
			t.Fatal(err)
		}
	}
	ds := count(t, s, at, 3)
	erased := w.Node.Vault.Stats().Erased

	if err := s.Remove(ctx, at, ds[0].ID, proof.Use{}); err != nil {
		t.Fatal(err)
	}
	if n := w.Node.Vault.Stats(); n.Erased != erased+1 || n.Pending != 1 {
		t.Errorf("taken away: %+v", n)
	}
	// The removal is on record, and then the process died.
	_, err := w.Node.Uses.Record(ctx, at.Slot, proof.Use{
		Handle: at.Handle, Time: w.Now, Kind: deposit.Removal, Decision: proof.Permit, Resources: []string{"DocumentReference/" + ds[1].ID.String()},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s = shelf(w)
	if left := count(t, s, at, 1); left[0].ID != ds[2].ID {
		t.Errorf("%+v", left)
	}
	if n := w.Node.Vault.Stats().Erased; n != erased+2 {
		t.Errorf("%d keys erased after the restart, want %d", n, erased+2)
	}
	// The key is gone, and the removal is not on record.
	_, input := first(t, w, at, ds[2].ID)
	h, _, err := deposit.Split(input)
	if err == nil {
		err = w.Node.Vault.Erase(vault.ID(h.Key))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Read(ctx, at, ds[2].ID); consent.CodeOf(err) != consent.NotFound {
		t.Errorf("read without its key: %v", err)
	}
	count(t, shelf(w), at, 0)
	s.Forget(at.Handle)
	count(t, s, at, 0)
}

var errFound = errors.New("found")

// first finds the deposit of a document in the log.
func first(t *testing.T, w *nodetest.World, at deposit.Place, id consent.Hash) (u proof.Use, input []byte) {
	t.Helper()
	err := w.Node.Uses.History(context.Background(), at.Slot, at.Handle, 0, func(_ consent.Uint64, v *proof.Use, in []byte) error {
		if v.Kind != deposit.Deposit || v.Resources[0] != "DocumentReference/"+id.String() {
			return nil
		}
		u, input = *v, in
		return errFound
	})
	if !errors.Is(err, errFound) {
		t.Fatalf("no deposit of %s: %v", id, err)
	}
	return u, input
}

// TestApart checks that a handle's documents are its own, and that those of an erased one are not there.
func TestApart(t *testing.T) {
	ctx := context.Background()
	w := nodetest.Start(t, nil)
	alice, _ := w.Enrol("a")
	visitor, _ := w.Enrol("v")
	a, v := deposit.Place{Handle: alice.Handle, Slot: alice.Slot}, deposit.Place{Handle: visitor.Handle, Slot: visitor.Slot}
	s := shelf(w)
	d, err := s.Put(ctx, a, put("mine"), proof.Use{})
	if err != nil {
		t.Fatal(err)
	}
	count(t, s, v, 0)
	if _, _, err := s.Read(ctx, v, d.ID); consent.CodeOf(err) != consent.NotFound {
		t.Errorf("read by another: %v", err)
	}
	if err := s.Remove(ctx, v, d.ID, proof.Use{}); consent.CodeOf(err) != consent.NotFound {
		t.Errorf("removed by another: %v", err)
	}
	if err := w.Node.Vault.Erase(vault.ID(alice.Handle)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Read(ctx, a, d.ID); consent.CodeOf(err) != consent.Erased {
		t.Errorf("read of an erased handle: %v", err)
	}
	if _, err := s.Put(ctx, a, put("more"), proof.Use{}); consent.CodeOf(err) != consent.Erased {
		t.Errorf("put down for an erased handle: %v", err)
	}
	s.Forget(alice.Handle)
	if _, err := s.List(ctx, a); consent.CodeOf(err) != consent.Erased {
		t.Errorf("list of an erased handle: %v", err)
	}
}

// TestResource checks what rules see of a document.
func TestResource(t *testing.T) {
	d, data, err := deposit.Check(api.Deposit{
		Title: "t", ContentType: "text/plain; charset=utf-8", Data: "eA==", Confidentiality: "V", Type: &consent.Coding{System: "http://loinc.org", Code: "11488-4"},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Time = 1_800_000_000_000
	raw, err := deposit.Resource(d, "pseudonym", data)
	if err != nil {
		t.Fatal(err)
	}
	r, err := policies.ParseResource(raw)
	if err != nil || r.Type != "DocumentReference" || r.ID != d.ID.String() || len(r.References)+len(r.Authors) != 0 || r.Date.Start != d.Time {
		t.Errorf("%+v, %v", r, err)
	}
	if len(r.Labels) != 1 || r.Labels[0].Code != "V" || len(r.Codes) != 1 || r.Codes[0] != *d.Type || len(r.Classes) != 1 || r.Classes[0].Code != "text/plain" {
		t.Errorf("%+v", r)
	}
	if id, ok := deposit.ID("DocumentReference/" + d.ID.String()); !ok || id != d.ID {
		t.Error("the reference does not name the document")
	}
	for _, ref := range []string{"", "DocumentReference/", "DocumentReference/example", "Binary/" + d.ID.String()} {
		if _, ok := deposit.ID(ref); ok {
			t.Errorf("%q names a document", ref)
		}
	}
}

// FuzzCheck checks that no document makes the checks panic, and that one that is taken is named by its bytes.
func FuzzCheck(f *testing.F) {
	f.Add("text/plain", "HC1:6BF", "N")
	f.Add("application/smart-health-card", `{"verifiableCredential":["a.b.c"]}`, "")
	f.Add("application/pdf", "%PDF-", "R")
	f.Fuzz(func(t *testing.T, kind, data, confidentiality string) {
		in := put(data)
		in.ContentType, in.Confidentiality = kind, confidentiality
		d, b, err := deposit.Check(in)
		if err != nil {
			return
		}
		raw, err := deposit.Resource(d, "p", b)
		var back struct {
			ID      string
			Content []struct{ Attachment struct{ Data []byte } }
		}
		if err == nil {
			err = json.Unmarshal(raw, &back)
		}
		if err != nil || back.ID != d.ID.String() || string(back.Content[0].Attachment.Data) != data {
			t.Errorf("%v %s", err, raw)
		}
	})
}

// FuzzSplit checks that no input of a deposit makes reading it panic.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02{}rest"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, sealed, err := deposit.Split(b)
		if err == nil && len(sealed) > len(b) {
			t.Error("longer than it was")
		}
	})
}
