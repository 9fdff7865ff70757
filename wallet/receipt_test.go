package wallet_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet"
)

// onLedger returns a message on a ledger of two leaves, its receipt, and the pinned ledger.
func onLedger(t *testing.T) (wallet.Ledger, *consenttest.Subject, consent.Message, network.Receipt, func(origin string) []byte) {
	t.Helper()
	world, _ := consenttest.NewWorld("receipt")
	s, m := world.Open()
	head := consent.Head{State: consent.Opened, Custodian: consenttest.CityHospital, Slot: 3, Seq: 1, Prev: consent.Commitment(m.Body)}
	leaf := consent.Leaf{
		Type: "SubjectOpen", Time: 60_000, Commitment: consent.Commitment(m.Body),
		Writes: []consent.Write{{Key: consent.HeadKey(s.Handle), Value: consent.Append(nil, head)}},
	}
	other := tlog.RecordHash([]byte("another leaf"))
	mine := tlog.RecordHash(leaf.Marshal())
	root := tlog.NodeHash(other, mine)
	signKey, verifyKey, err := note.GenerateKey(consenttest.NewStream("log"), "log")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(signKey)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(origin string) []byte {
		text := fmt.Sprintf("%s\n2\n%s\n", origin, base64.StdEncoding.EncodeToString(root[:]))
		b, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	r := network.Receipt{
		Position: 2, Commitment: leaf.Commitment, Time: leaf.Time, Leaf: leaf.Marshal(), Proof: []consent.Hash{consent.Hash(other)},
		Checkpoint: sign("volens/ledger/" + world.Ledger.String()),
	}
	return wallet.Ledger{ID: world.Ledger, Genesis: world.Ledger, Log: wallet.Log{Key: verifyKey}}, s, m, r, sign
}

func TestCheckReceipt(t *testing.T) {
	pinned, s, m, r, _ := onLedger(t)
	leaf, cp, err := wallet.CheckReceipt(pinned, m, r)
	if err != nil || cp.Size != 2 {
		t.Fatal(cp, err)
	}
	h, ok := wallet.HeadIn(leaf, s.Handle)
	if !ok || h.Slot != 3 || h.Custodian != consenttest.CityHospital {
		t.Errorf("head %+v, %v", h, ok)
	}
	if _, ok := wallet.HeadIn(leaf, consent.SubjectID{1}); ok {
		t.Error("the leaf has a head of another handle")
	}
	pinned.Log.Checkpoint = cp
	if _, _, err := wallet.CheckReceipt(pinned, m, r); err != nil {
		t.Errorf("the same again: %v", err)
	}
}

// A receipt by the key of another organisation's copy of the ledger holds when that key is pinned, and only then.
func TestCheckReceiptOfACopy(t *testing.T) {
	pinned, _, m, r, _ := onLedger(t)
	copied := pinned.Log.Key
	_, key, err := note.GenerateKey(consenttest.NewStream("else"), "log")
	if err != nil {
		t.Fatal(err)
	}
	pinned.Log.Key = key
	if _, _, err := wallet.CheckReceipt(pinned, m, r); !errors.Is(err, wallet.ErrReceipt) {
		t.Errorf("a key that is not pinned: %v", err)
	}
	for range 2 {
		pinned.PinCopy(copied)
	}
	if _, _, err := wallet.CheckReceipt(pinned, m, r); err != nil || len(pinned.Copies) != 1 {
		t.Errorf("%v, %q", err, pinned.Copies)
	}
	pinned.Copies = append([]string{"no key", key}, pinned.Copies...) // a bad one takes nothing from the others
	if _, _, err := wallet.CheckReceipt(pinned, m, r); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"no key", key, copied, ""} {
		if err := pinned.Admits(bad); !errors.Is(err, wallet.ErrPinned) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCheckReceiptRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(l *wallet.Ledger, m *consent.Message, r *network.Receipt, sign func(string) []byte)
		want  error
	}{
		"another message": {func(_ *wallet.Ledger, m *consent.Message, _ *network.Receipt, _ func(string) []byte) {
			m.Body = revokeAll(consent.SubjectID{1})
		}, wallet.ErrReceipt},
		"another commitment": {func(_ *wallet.Ledger, _ *consent.Message, r *network.Receipt, _ func(string) []byte) {
			r.Commitment[0] ^= 1
		}, wallet.ErrReceipt},
		"another position": {func(_ *wallet.Ledger, _ *consent.Message, r *network.Receipt, _ func(string) []byte) {
			r.Position = 1
		}, wallet.ErrReceipt},
		"no position": {func(_ *wallet.Ledger, _ *consent.Message, r *network.Receipt, _ func(string) []byte) {
			r.Position = 0
		}, wallet.ErrReceipt},
		"a changed leaf": {func(_ *wallet.Ledger, _ *consent.Message, r *network.Receipt, _ func(string) []byte) {
			r.Leaf[len(r.Leaf)-1] ^= 1
		}, wallet.ErrReceipt},
		"no proof": {func(_ *wallet.Ledger, _ *consent.Message, r *network.Receipt, _ func(string) []byte) {
			r.Proof = nil
		}, wallet.ErrReceipt},
		"another log": {func(_ *wallet.Ledger, _ *consent.Message, r *network.Receipt, sign func(string) []byte) {
			r.Checkpoint = sign("volens/ledger/other")
		}, wallet.ErrReceipt},
		"another key": {func(l *wallet.Ledger, _ *consent.Message, _ *network.Receipt, _ func(string) []byte) {
			_, key, err := note.GenerateKey(consenttest.NewStream("else"), "log")
			if err != nil {
				t.Fatal(err)
			}
			l.Log.Key = key
		}, wallet.ErrReceipt},
		"a fork": {func(l *wallet.Ledger, _ *consent.Message, _ *network.Receipt, _ func(string) []byte) {
			l.Log.Checkpoint = wallet.Checkpoint{Size: 2, Root: consent.Hash{1}, Note: "seen"}
		}, wallet.ErrFork},
	} {
		pinned, _, m, r, sign := onLedger(t)
		c.spoil(&pinned, &m, &r, sign)
		if _, _, err := wallet.CheckReceipt(pinned, m, r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func invitation() wallet.Invitation {
	return wallet.Invitation{
		Server: "https://city-hospital.example", Handle: consent.SubjectID{1}, Code: "ABCD-EFGH", Seq: 1, Prev: fixedHash(1),
		Ledger: fixedHash(2), Genesis: fixedHash(2), Key: "log+1+abc", UsesKey: "uses+1+abc",
	}
}

func TestInvitation(t *testing.T) {
	want := invitation()
	text, err := want.Format()
	if err != nil {
		t.Fatal(err)
	}
	got, err := wallet.ParseInvitation(text)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	encode := func(json string) string { return "volens1:" + base64.RawURLEncoding.EncodeToString([]byte(json)) }
	partial := want
	partial.UsesKey = ""
	short, err := partial.Format()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "volens1:", text[1:], text + "=", text + " ", strings.ToUpper(text), short, encode("{}"), encode("[]"),
		encode(`{"server":"a","server":"b"}`), "volens1:" + strings.Repeat("A", 5000),
	} {
		if _, err := wallet.ParseInvitation(bad); !errors.Is(err, wallet.ErrInvitation) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

func FuzzInvitation(f *testing.F) {
	text, err := invitation().Format()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("volens1:e30")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := wallet.ParseInvitation(text)
		if err != nil {
			return
		}
		if again, err := v.Format(); again != text || err != nil {
			t.Errorf("%q is also %q, %v", text, again, err)
		}
	})
}
