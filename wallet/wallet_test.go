package wallet_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/wallet"
)

const password = "correct horse battery"

// cheap is the least cost that a wallet is written with.
func cheap(seed string) wallet.Options {
	return wallet.Options{Rand: consenttest.NewStream(seed), LogN: wallet.MinLogN}
}

func create(t *testing.T, seed string) *wallet.Wallet {
	t.Helper()
	w, err := wallet.Create(filepath.Join(t.TempDir(), "alice.wallet"), password, cheap(seed))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func reopen(t *testing.T, path, password string) *wallet.Wallet {
	t.Helper()
	w, err := wallet.Open(path, password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestCreateSaveOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alice.wallet")
	w, err := wallet.Create(path, password, cheap("alice"))
	if err != nil {
		t.Fatal(err)
	}
	words, err := w.Phrase()
	if err != nil || len(strings.Fields(words)) != 24 {
		t.Fatalf("%d words, %v", len(strings.Fields(words)), err)
	}
	handle := consenttest.NewStream("handle").Handle()
	before, err := w.Key(handle)
	if err != nil {
		t.Fatal(err)
	}
	fillBook(t, w.Book(), handle)
	if err := w.Save(); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(w.Book())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wallet.Open(path, password); !errors.Is(err, wallet.ErrLocked) {
		t.Errorf("a second writer got %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	again := reopen(t, path, password)
	got, err := json.Marshal(again.Book())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Error(d)
	}
	after, err := again.Keys().Key(handle, 0)
	if err != nil || after.Address() != before.Address() {
		t.Errorf("another key after opening: %v", err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(file), "City Hospital") || strings.Contains(string(file), handle.String()) {
		t.Error("the file shows what it seals")
	}
	checkFolder(t, path)
}

// checkFolder looks for wrong modes and for temporary files left over.
func checkFolder(t *testing.T, path string) {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		names = append(names, e.Name())
	}
	base := filepath.Base(path)
	if d := cmp.Diff([]string{base, base + ".lock"}, names); d != "" {
		t.Error(d)
	}
}

func fillBook(t *testing.T, b *wallet.Book, handle consent.SubjectID) {
	t.Helper()
	h := consenttest.NewStream("book")
	ledger := wallet.Ledger{ID: h.Hash(), Genesis: h.Hash(), Name: "Test", Log: wallet.Log{Key: "test+1234+key"}}
	if err := b.Pin(ledger); err != nil {
		t.Fatal(err)
	}
	s, err := b.Add(wallet.Subject{
		Handle: handle, Label: "City Hospital", Ledger: ledger.ID, Custodian: consenttest.CityHospital, Generation: 2,
		UseLog: wallet.Log{Key: "uses+1234+key"}, Sections: map[string]json.RawMessage{"notes": json.RawMessage(`{"a":[1]}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := consent.Message{Body: &consent.RevokeAll{Handle: handle, Seq: 3, Prev: h.Hash(), Salt: h.Hash()}}
	if err := s.Record(m, json.RawMessage(`{"position":"7"}`)); err != nil {
		t.Fatal(err)
	}
	b.Sections = map[string]json.RawMessage{"settings": json.RawMessage(`"x"`)}
}

func TestRestoreGivesTheSameKeys(t *testing.T) {
	w := create(t, "alice")
	words, err := w.Phrase()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	back, err := wallet.Restore(filepath.Join(dir, "back"), strings.ToUpper(words), "another password", cheap(""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = back.Close() }()
	o := cheap("")
	o.Passphrase = "and a 25th word"
	other, err := wallet.Restore(filepath.Join(dir, "other"), words, "another password", o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()

	handles := consenttest.NewStream("handles")
	for range 20 {
		h := handles.Handle()
		for g := range uint32(3) {
			a, b, c := commitment(t, w, h, g), commitment(t, back, h, g), commitment(t, other, h, g)
			if a != b {
				t.Fatalf("handle %s, generation %d: another key", h, g)
			}
			if a == c {
				t.Fatalf("handle %s, generation %d: the passphrase changes nothing", h, g)
			}
			if got, err := back.FindGeneration(h, a); err != nil || got != g {
				t.Fatalf("found generation %d, %v", got, err)
			}
		}
	}
	if _, err := other.FindGeneration(handles.Handle(), handles.Hash()); !errors.Is(err, wallet.ErrSubject) {
		t.Errorf("found a stranger's key: %v", err)
	}
	if _, err := back.Phrase(); !errors.Is(err, wallet.ErrPhraseSeen) {
		t.Errorf("a restored wallet shows its phrase: %v", err)
	}
}

func commitment(t *testing.T, w *wallet.Wallet, h consent.SubjectID, g uint32) consent.Hash {
	t.Helper()
	c, err := w.Keys().Commitment(h, g)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPhraseIsShownUntilConfirmed(t *testing.T) {
	w := create(t, "alice")
	words, err := w.Phrase()
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Fields(words)
	list[0], list[1] = list[1], list[0]
	if err := w.ConfirmPhrase(strings.Join(list, " ")); err == nil {
		t.Error("swapped words were confirmed")
	}
	const zoo = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote"
	if err := w.ConfirmPhrase(zoo); !errors.Is(err, wallet.ErrPhraseWrong) {
		t.Errorf("another phrase gave %v", err)
	}
	if _, err := w.Phrase(); err != nil {
		t.Errorf("not shown before it is confirmed: %v", err)
	}
	if err := w.ConfirmPhrase(words); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Phrase(); !errors.Is(err, wallet.ErrPhraseSeen) {
		t.Errorf("shown after it was confirmed: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w")
	if _, err := wallet.Open(path, password); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := wallet.Create(path, "seven77", cheap("")); !errors.Is(err, wallet.ErrWeakPassword) {
		t.Errorf("short password: %v", err)
	}
	for _, logN := range []int{1, 16, 21, 30} {
		if _, err := wallet.Create(path, password, wallet.Options{LogN: logN}); !errors.Is(err, wallet.ErrCost) {
			t.Errorf("N of 2^%d: %v", logN, err)
		}
	}
	if _, err := wallet.Restore(path, "only three words", password, cheap("")); err == nil {
		t.Error("restored from three words")
	}
	w, err := wallet.Create(path, password, cheap(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetPassword("2\u212b characters"); err != nil { // ANGSTROM SIGN
		t.Fatal(err)
	}
	if err := w.Save(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := wallet.Create(path, password, cheap("")); !errors.Is(err, wallet.ErrExists) {
		t.Errorf("an old wallet: %v", err)
	}
	if _, err := wallet.Open(path, password); !errors.Is(err, wallet.ErrPassword) {
		t.Errorf("the old password: %v", err)
	}
	reopen(t, path, "2A\u030a characters")
}

func TestClosedWalletDoesNothing(t *testing.T) {
	w := create(t, "alice")
	keys := w.Keys()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	h := consenttest.NewStream("h").Handle()
	_, phraseErr := w.Phrase()
	_, keyErr := w.Key(h)
	for name, err := range map[string]error{
		"Save": w.Save(), "Phrase": phraseErr, "Key": keyErr, "ConfirmPhrase": w.ConfirmPhrase("zoo"),
	} {
		if !errors.Is(err, wallet.ErrClosed) {
			t.Errorf("%s gave %v", name, err)
		}
	}
	if _, err := keys.Key(h, 0); err == nil {
		t.Error("wiped keys still derive")
	}
}

func TestSaveKeepsTheOldFileOnError(t *testing.T) {
	w := create(t, "alice")
	w.Book().Sections = map[string]json.RawMessage{"bad": json.RawMessage("{")}
	if err := w.Save(); err == nil {
		t.Error("saved what is no JSON")
	}
	w.Book().Sections = nil
	if err := w.Save(); err != nil {
		t.Error(err)
	}
}

// Nothing that a log line or an encoder can reach shows a secret.
func TestSecretsHide(t *testing.T) {
	w := create(t, "alice")
	words, err := w.Phrase()
	if err != nil {
		t.Fatal(err)
	}
	h := consenttest.NewStream("h").Handle()
	key, err := w.Key(h)
	if err != nil {
		t.Fatal(err)
	}
	d := key.PrivateKey().D
	secrets := []string{
		password, strings.Fields(words)[0], hex.EncodeToString(key.Bytes()), d.String(), fmt.Sprint(key.Bytes()),
		string(key.Bytes()),
	}
	keys := w.Keys()
	values := []any{w, *w, keys, &keys, key, struct{ W *wallet.Wallet }{w}, struct{ k wallet.Keys }{keys}, map[string]any{"w": *w}}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			leaks(t, fmt.Sprintf("%T %s", v, verb), fmt.Sprintf(verb, v), secrets)
		}
		if b, err := json.Marshal(v); err == nil {
			leaks(t, fmt.Sprintf("JSON of %T", v), string(b), secrets)
		}
	}
}

func leaks(t *testing.T, how, text string, secrets []string) {
	t.Helper()
	for i, s := range secrets {
		if strings.Contains(strings.ToLower(text), strings.ToLower(s)) {
			t.Errorf("%s shows secret %d", how, i)
		}
	}
}

func TestOpensWhatAnotherCostWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w")
	content := `{"version":1,"entropy":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","phraseSeen":true,"book":null}`
	for _, c := range []struct{ name, content, err string }{
		{"good", content, ""},
		{"newer", strings.Replace(content, `"version":1`, `"version":2,"extra":true`, 1), "another version"},
		{"unknown member", strings.Replace(content, `"book"`, `"bool"`, 1), "damaged"},
		{"no entropy", strings.Replace(content, "A", "", 44), "damaged"},
		{"trailing bytes", content + "{}", "damaged"},
		{"no JSON", "hello", "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := wallet.Seal([]byte(c.content), password, 14)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			w, err := wallet.Open(path, password)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = w.Close() }()
			if err := w.Save(); err != nil {
				t.Fatal(err)
			}
			if file, err = os.ReadFile(path); err != nil || !strings.Contains(string(file[:80]), " 17\n") {
				t.Errorf("saved again with a weak cost: %q, %v", file[:80], err)
			}
		})
	}
}
