package wallet_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/wallet"
)

func delegationFile(t testing.TB, handle consent.SubjectID, code string) []byte {
	t.Helper()
	text, err := wallet.Invitation{
		Server: "https://volens.example", Handle: handle, Code: code, Seq: 2, Prev: consent.Hash{1}, Ledger: consent.Hash{2},
		Genesis: consent.Hash{3}, Key: "key", UsesKey: "uses",
	}.Format()
	if err != nil {
		t.Fatal(err)
	}
	d := wallet.Delegation{Invitation: text, Delegate: consent.Delegate{
		Handle: consent.SubjectID{7}, Seq: 3, Kind: "proxy", Scope: []string{consent.ScopeView}, Period: consent.Period{End: 5},
	}}
	b, err := d.Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseDelegation(t *testing.T) {
	good := delegationFile(t, consent.SubjectID{7}, "")
	d, v, err := wallet.ParseDelegation(good)
	if err != nil || v.Handle != d.Delegate.Handle || d.Delegate.Seq != 3 {
		t.Fatalf("%+v %+v %v", d, v, err)
	}
	again, err := d.Format()
	if diff := cmp.Diff(string(good), string(again)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "another handle": delegationFile(t, consent.SubjectID{8}, ""),
		"a code": delegationFile(t, consent.SubjectID{7}, "ABCD-EFGH"), "more": append(good[:len(good):len(good)], "{}"...),
		"unknown member": []byte(`{"x":1}`), "long": make([]byte, 1<<20),
	} {
		if _, _, err := wallet.ParseDelegation(b); !errors.Is(err, wallet.ErrDelegation) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A delegation counts only for the key that it names, on a ledger that is pinned, with a receipt that is its own.
func TestTakeRefuses(t *testing.T) {
	w := create(t, "delegate")
	pinned, s, _, r, _ := onLedger(t)
	d := wallet.Delegation{Delegate: consent.Delegate{Handle: s.Handle, Seq: 2}, Receipt: r}
	v := wallet.Invitation{Ledger: pinned.ID}
	_, _, err := w.Take(d, v, "")
	if !errors.Is(err, wallet.ErrDelegation) {
		t.Errorf("another's key: %v", err)
	}
	key, err := w.Keys().Key(s.Handle, 0)
	if err != nil {
		t.Fatal(err)
	}
	d.Delegate.Delegate = key.Address()
	if _, _, err = w.Take(d, v, ""); !errors.Is(err, wallet.ErrPinned) {
		t.Errorf("a ledger that is not pinned: %v", err)
	}
	if err := w.Book().Pin(pinned); err != nil {
		t.Fatal(err)
	}
	if _, _, err = w.Take(d, v, ""); !errors.Is(err, wallet.ErrReceipt) {
		t.Errorf("another message's receipt: %v", err)
	}
	if _, known := w.Book().Subject(s.Handle); known {
		t.Error("a refused delegation is in the book")
	}
}

func FuzzParseDelegation(f *testing.F) {
	f.Add(delegationFile(f, consent.SubjectID{7}, ""))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, v, err := wallet.ParseDelegation(b)
		if err == nil && (v.Handle != d.Delegate.Handle || v.Code != "") {
			t.Fatalf("taken: %+v %+v", d, v)
		}
	})
}
