package wallet_test

import (
	"context"
	"errors"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/wallet"
)

func recoveryFile(t testing.TB, handle consent.SubjectID, begin *consent.RecoveryBegin) []byte {
	t.Helper()
	text, err := wallet.Invitation{
		Server: "https://volens.example", Handle: handle, Seq: 2, Prev: consent.Hash{1}, Ledger: consent.Hash{2},
		Genesis: consent.Hash{3}, Key: "key", UsesKey: "uses",
	}.Format()
	if err != nil {
		t.Fatal(err)
	}
	b, err := wallet.Recovery{Invitation: text, Guardians: consent.Guardians{Threshold: 1}, Begin: begin}.Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseRecovery(t *testing.T) {
	h := consent.SubjectID{7}
	for _, begin := range []*consent.RecoveryBegin{nil, {Handle: h, Seq: 3}} {
		if _, v, err := wallet.ParseRecovery(recoveryFile(t, h, begin)); err != nil || v.Handle != h {
			t.Errorf("%+v %v", v, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "two handles": recoveryFile(t, h, &consent.RecoveryBegin{Handle: consent.SubjectID{8}}),
		"unknown member": []byte(`{"x":1}`), "long": make([]byte, 1<<20),
	} {
		if _, _, err := wallet.ParseRecovery(b); !errors.Is(err, wallet.ErrRecovery) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMergeRecovery(t *testing.T) {
	h := consent.SubjectID{7}
	a := wallet.Recovery{Begin: &consent.RecoveryBegin{Handle: h, Seq: 3}, Signatures: []consent.Signature{{1}}}
	same := wallet.Recovery{Begin: &consent.RecoveryBegin{Handle: h, Seq: 3}, Signatures: []consent.Signature{{1}, {2}}}
	if err := a.Merge(same); err != nil || len(a.Signatures) != 2 {
		t.Errorf("%d signatures, %v", len(a.Signatures), err)
	}
	for name, o := range map[string]wallet.Recovery{
		"another": {Begin: &consent.RecoveryBegin{Handle: h, Seq: 4}}, "none": {},
	} {
		if err := a.Merge(o); !errors.Is(err, wallet.ErrRecovery) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A guardian signs only for a ledger that is pinned, only what was begun, and only when she is a guardian.
func TestSignRecovery(t *testing.T) {
	w := create(t, "guardian")
	pinned, s, _, _, _ := onLedger(t)
	r := wallet.Recovery{Begin: &consent.RecoveryBegin{Handle: s.Handle, Seq: 3, KeyCommit: consent.Hash{1}}}
	ctx := context.Background()
	if _, err := w.SignRecovery(ctx, pinned.ID, r, wallet.Names{}, yes); !errors.Is(err, wallet.ErrPinned) {
		t.Errorf("not pinned: %v", err)
	}
	if err := w.Book().Pin(pinned); err != nil {
		t.Fatal(err)
	}
	if _, err := w.SignRecovery(ctx, pinned.ID, r, wallet.Names{}, yes); !errors.Is(err, wallet.ErrRecovery) {
		t.Errorf("no guardian: %v", err)
	}
	if _, err := w.SignRecovery(ctx, pinned.ID, wallet.Recovery{}, wallet.Names{}, yes); !errors.Is(err, wallet.ErrRecovery) {
		t.Errorf("not begun: %v", err)
	}
	key, err := w.Keys().Key(s.Handle, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Guardians.Addresses = []consent.Address{key.Address()}
	if _, err := w.SignRecovery(ctx, pinned.ID, r, wallet.Names{}, nil); !errors.Is(err, wallet.ErrRefused) {
		t.Errorf("nobody agreed: %v", err)
	}
	got, err := w.SignRecovery(ctx, pinned.ID, r, wallet.Names{}, yes)
	want, signErr := key.Sign(consent.Digest(pinned.ID, r.Begin))
	if err != nil || signErr != nil || got != want {
		t.Errorf("%v %v %v", got, err, signErr)
	}
}

func FuzzParseRecovery(f *testing.F) {
	f.Add(recoveryFile(f, consent.SubjectID{7}, &consent.RecoveryBegin{Handle: consent.SubjectID{7}}))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, v, err := wallet.ParseRecovery(b)
		if err == nil && (v.Code != "" || r.Begin != nil && r.Begin.Handle != v.Handle) {
			t.Fatalf("taken: %+v %+v", r, v)
		}
	})
}
