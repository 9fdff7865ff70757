package wallet_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/hd"
)

const leastRead = 14 // log N

func TestSealUnseal(t *testing.T) {
	for _, content := range []string{"", "x", strings.Repeat("long ", 40_000)} {
		file, err := wallet.Seal([]byte(content), password, leastRead)
		if err != nil {
			t.Fatal(err)
		}
		got, logN, err := wallet.Unseal(file, password)
		if err != nil || string(got) != content || logN != leastRead {
			t.Errorf("%d bytes: came back as %d, %d, %v", len(content), len(got), logN, err)
		}
		if _, _, err := wallet.Unseal(file, password+" "); !errors.Is(err, wallet.ErrPassword) {
			t.Errorf("a wrong password gave %v", err)
		}
		if _, _, err := wallet.Unseal(file, ""); !errors.Is(err, wallet.ErrPassword) {
			t.Errorf("no password gave %v", err)
		}
	}
}

// Any changed, missing or added byte is refused; content never comes out of a damaged file.
func TestTamperedFile(t *testing.T) {
	file, err := wallet.Seal([]byte(`{"version":1}`), password, leastRead)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, bad []byte) {
		t.Helper()
		got, _, err := wallet.Unseal(bad, password)
		if got != nil || !errors.Is(err, wallet.ErrPassword) && !errors.Is(err, wallet.ErrCorrupt) && !errors.Is(err, wallet.ErrCost) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	for i := 0; i < len(file); i += 3 { // each costs a scrypt run
		bad := bytes.Clone(file)
		bad[i] ^= 1 << (i % 8)
		refused(fmt.Sprintf("byte %d", i), bad)
	}
	for _, n := range []int{0, 1, 30, len(file) / 2, len(file) - 17, len(file) - 1} {
		refused(fmt.Sprintf("cut to %d", n), file[:n])
	}
	refused("a byte more", append(bytes.Clone(file), 0))
}

// Wrong parameters are refused before a single round is run: the largest of these would need a terabyte.
func TestCostCaps(t *testing.T) {
	const form = "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA %s\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		logN string
		want error
	}{
		{"0", wallet.ErrCost},
		{"1", wallet.ErrCost},
		{"13", wallet.ErrCost},
		{"21", wallet.ErrCost},
		{"30", wallet.ErrCost},
		{"014", wallet.ErrCost},
		{"99999999999999999999", wallet.ErrCost},
		{"-14", wallet.ErrCorrupt},
		{"0x10", wallet.ErrCorrupt},
		{"", wallet.ErrCorrupt},
		{"18 1", wallet.ErrCorrupt},
		{"14", wallet.ErrPassword},
	} {
		if _, _, err := wallet.Unseal(fmt.Appendf(nil, form, c.logN), password); !errors.Is(err, c.want) {
			t.Errorf("log N %q: got %v", c.logN, err)
		}
	}
	for _, other := range []string{
		"", "{}", "age-encryption.org/v1\n-> X25519 AAAAAAAAAAAAAAAAAAAAAA\n", "age-encryption.org/v2\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\n",
		"-----BEGIN AGE ENCRYPTED FILE-----\n",
	} {
		if _, _, err := wallet.Unseal([]byte(other), password); !errors.Is(err, wallet.ErrCorrupt) {
			t.Errorf("%q: got %v", other, err)
		}
	}
}

func BenchmarkUnseal(b *testing.B) {
	for _, logN := range []int{wallet.MinLogN, wallet.DefaultLogN} {
		b.Run(fmt.Sprintf("N=2^%d", logN), func(b *testing.B) {
			file, err := wallet.Seal([]byte("x"), password, logN)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, _, err := wallet.Unseal(file, password); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// testdata/alice.wallet was written once, by version 1, with the password above and the words of zooVote. It must open
// for ever, here and in the web wallet.
func TestOldFileOpens(t *testing.T) {
	const golden = "testdata/alice.wallet"
	if _, err := os.Stat(golden); *update && err != nil { // -update does not replace it
		w, err := wallet.Restore(filepath.Join(t.TempDir(), "w"), zooVote, password, cheap(""))
		if err != nil {
			t.Fatal(err)
		}
		fillBook(t, w.Book(), consent.SubjectID{1, 2, 3})
		if err := errors.Join(w.Save(), w.Close()); err != nil {
			t.Fatal(err)
		}
		copyFile(t, w.Path(), golden)
	}
	path := filepath.Join(t.TempDir(), "w")
	copyFile(t, golden, path)
	w := reopen(t, path, password)
	s, known := w.Book().Subject(consent.SubjectID{1, 2, 3})
	if !known || s.Label != "City Hospital" || s.Generation != 2 || len(s.Records) != 1 {
		t.Fatalf("the book holds %+v", s)
	}
	p, err := hd.ParsePhrase(zooVote)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := wallet.NewKeys(p, "")
	if err != nil {
		t.Fatal(err)
	}
	want, err := keys.Key(s.Handle, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Key(s.Handle); err != nil || got.Address() != want.Address() {
		t.Errorf("another key: %v", err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
