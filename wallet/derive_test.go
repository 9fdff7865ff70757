package wallet_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/auth/siwe"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/hd"
)

var update = flag.Bool("update", false, "write the golden files")

// derivation is one row of testdata/derivation.json, which the web wallet's tests read too. The phrases are public test
// phrases: never use them.
type derivation struct {
	Phrase       string            `json:"phrase"`
	Passphrase   string            `json:"passphrase"`
	Handle       consent.SubjectID `json:"handle"`
	Generation   uint32            `json:"generation"`
	Path         string            `json:"path"`
	PrivateKey   string            `json:"privateKey"`
	Address      string            `json:"address"` // EIP-55
	KeySalt      consent.Hash      `json:"keySalt"`
	GuardianSalt consent.Hash      `json:"guardianSalt"`
	KeyCommit    consent.Hash      `json:"keyCommit"`
}

func TestDerivationGolden(t *testing.T) {
	const file = "testdata/derivation.json"
	var got []derivation
	for _, in := range []struct {
		phrase, passphrase, handle string
		generation                 uint32
	}{
		{abandonArt, "", "00000000000000000000000000000000", 0},
		{abandonArt, "", "00000000000000000000000000000001", 0},
		{abandonArt, "", "80000000000000000000000000000000", 0},
		{abandonArt, "", "ffffffffffffffffffffffffffffffff", 0},
		{abandonArt, "", "0123456789abcdeffedcba9876543210", 0},
		{abandonArt, "", "0123456789abcdeffedcba9876543210", 1},
		{abandonArt, "", "0123456789abcdeffedcba9876543210", 2147483647},
		{abandonArt, "TREZOR", "0123456789abcdeffedcba9876543210", 0},
		{abandonArt, "Caf\u00e9 \u212b", "0123456789abcdeffedcba9876543210", 0},
		{zooVote, "", "0123456789abcdeffedcba9876543210", 0},
	} {
		got = append(got, derive(t, in.phrase, in.passphrase, in.handle, in.generation))
	}
	if *update {
		b, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []derivation
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

const (
	abandonArt = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art"
	zooVote    = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote"
)

func derive(t *testing.T, phrase, passphrase, handle string, generation uint32) derivation {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := hd.ParsePhrase(phrase)
	must(err)
	keys, err := wallet.NewKeys(p, passphrase)
	must(err)
	h, err := consent.ParseSubjectID(handle)
	must(err)
	key, err := keys.Key(h, generation)
	must(err)
	d := derivation{
		Phrase: phrase, Passphrase: passphrase, Handle: h, Generation: generation, Path: wallet.Path(h, generation),
		PrivateKey: hex.EncodeToString(key.Bytes()), Address: siwe.FormatAddress(key.Address()),
	}
	d.KeySalt, err = keys.KeySalt(h, generation)
	must(err)
	d.GuardianSalt, err = keys.GuardianSalt(h, generation)
	must(err)
	d.KeyCommit, err = keys.Commitment(h, generation)
	must(err)
	if got := byPath(t, p, passphrase, d.Path); got != d.PrivateKey {
		t.Errorf("%s leads to %s, not %s", d.Path, got, d.PrivateKey)
	}
	if d.KeyCommit != consent.KeyCommitment(d.KeySalt, key.Address()) || d.KeySalt == d.GuardianSalt {
		t.Error("salts or commitment are wrong")
	}
	return d
}

// byPath follows the written path, as another program would.
func byPath(t *testing.T, p hd.Phrase, passphrase, path string) string {
	t.Helper()
	seed, err := p.Seed(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	k, err := hd.Master(seed)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range strings.Split(path, "/")[1:] {
		n, err := strconv.ParseUint(strings.TrimSuffix(step, "'"), 10, 31)
		if err != nil || !strings.HasSuffix(step, "'") {
			t.Fatalf("step %s of %s: %v", step, path, err)
		}
		if k, err = k.Child(uint32(n) | hd.Hardened); err != nil {
			t.Fatal(err)
		}
	}
	return hex.EncodeToString(k.Private())
}

// A path can be turned back into its handle, so no two handles share one.
func TestPathsAreDistinct(t *testing.T) {
	s := consenttest.NewStream("paths")
	for range 5000 {
		h := s.Handle()
		steps := strings.Split(strings.ReplaceAll(wallet.Path(h, 7), "'", ""), "/")
		if len(steps) != 9 || steps[7] != "7" || steps[8] != "0" {
			t.Fatalf("path %v", steps)
		}
		n := new(big.Int)
		for _, step := range steps[2:7] {
			digit, ok := new(big.Int).SetString(step, 10)
			if !ok || digit.BitLen() > 31 {
				t.Fatalf("step %s", step)
			}
			n.Or(n.Lsh(n, 31), digit)
		}
		if got := consent.SubjectID(n.FillBytes(make([]byte, 16))); got != h {
			t.Fatalf("%s came back as %s", h, got)
		}
	}
}

func TestGenerationIsBounded(t *testing.T) {
	p, err := hd.ParsePhrase(zooVote)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := wallet.NewKeys(p, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Key(consent.SubjectID{1}, hd.Hardened); err == nil {
		t.Error("a generation of 2^31 was taken for 0")
	}
	if _, err := (wallet.Keys{}).Key(consent.SubjectID{1}, 0); err == nil {
		t.Error("no phrase has a key")
	}
}

func BenchmarkKey(b *testing.B) {
	p, err := hd.ParsePhrase(zooVote)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := wallet.NewKeys(p, "")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := keys.Key(consent.SubjectID{1}, 0); err != nil {
			b.Fatal(err)
		}
	}
}
