package consent_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// The vectors of testdata/vectors.json, read by Go and TypeScript. FORMAT.md says what each member is.
type vectors struct {
	ChainID     string             `json:"chainId"`
	Keys        map[string]keyPair `json:"keys"`
	Commitments []committed        `json:"commitments"`
	Good        []good             `json:"good"`
	Bad         []bad              `json:"bad"`
}

type keyPair struct {
	Private string      `json:"private"`
	Address sig.Address `json:"address"`
}

// committed is one commitment that is not a message's.
type committed struct {
	Sort       string          `json:"sort"` // key, guardians, secret (of a typed code), code
	Input      json.RawMessage `json:"input"`
	Commitment sig.Hash        `json:"commitment"`
}

type good struct {
	Name       string            `json:"name"`
	Ledger     sig.Hash          `json:"ledger"`
	Message    json.RawMessage   `json:"message"`
	Body       string            `json:"body"`
	Commitment sig.Hash          `json:"commitment"`
	EncodeType string            `json:"encodeType"`
	StructHash sig.Hash          `json:"structHash"`
	Separator  sig.Hash          `json:"separator"`
	Digest     sig.Hash          `json:"digest"`
	Signers    []string          `json:"signers"`
	Bytes      string            `json:"bytes"`
	Time       consent.Millis    `json:"time"`
	Log        *consent.Tree     `json:"log,omitempty"` // the host's log before it, where it takes one over
	State      map[string]string `json:"state"`         // what is read; "" where there is nothing
	Leaf       string            `json:"leaf"`
	Event      consent.Event     `json:"event"`
	Private    map[string]string `json:"private"`
	Purge      []string          `json:"purge"`
}

type bad struct {
	Name   string            `json:"name"`
	Stage  string            `json:"stage"` // where it is refused: read, verify or apply
	Code   consent.Code      `json:"code"`
	Ledger sig.Hash          `json:"ledger"`
	Text   string            `json:"text"`
	Time   consent.Millis    `json:"time"`
	State  map[string]string `json:"state"`
}

func (g good) tx() consent.Tx {
	tx := consent.Tx{ID: "vector", Time: g.Time}
	if g.Log != nil {
		tx.Log = *g.Log
	}
	return tx
}

// stateOf is a Reader of what a vector says is there.
type stateOf map[string]string

func (s stateOf) Get(key string) ([]byte, error) {
	text, ok := s[key]
	switch {
	case !ok:
		return nil, consent.Errorf(consent.Internal, "the vector does not say what is at %s", key)
	case text == "":
		return nil, nil
	}
	return hex.DecodeString(text)
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGoodVectors reads each message from its JSON text and from its bytes and derives everything else anew.
func TestGoodVectors(t *testing.T) {
	vs := readVectors(t)
	types := map[string]bool{}
	for _, g := range vs.Good {
		t.Run(g.Name, func(t *testing.T) {
			var m consent.Message
			if err := json.Unmarshal(g.Message, &m); err != nil {
				t.Fatal(err)
			}
			types[consent.TypeOf(m.Body)] = true
			if again, err := consent.Unmarshal(unhex(t, g.Bytes)); err != nil || !cmp.Equal(m, again, cmpopts.EquateEmpty()) {
				t.Fatalf("the bytes hold another message: %v %s", err, cmp.Diff(m, again, cmpopts.EquateEmpty()))
			}
			v, err := consent.Verify(g.Ledger, m)
			if err != nil {
				t.Fatal(err)
			}
			var signers []string
			for _, a := range v.Signers() {
				for name, k := range vs.Keys {
					if k.Address == a {
						signers = append(signers, name)
					}
				}
			}
			out, err := consent.Run(g.tx(), stateOf(g.State), v)
			if err != nil {
				t.Fatal(err)
			}
			got := describe(t, g.Name, g.Ledger, g.tx(), m, g.State, out)
			got.Message, got.Signers = g.Message, signers
			if d := cmp.Diff(g, got); d != "" {
				t.Fatalf("(-want +got): %s", d)
			}
		})
	}
	for _, name := range consent.Types() {
		if !types[name] {
			t.Errorf("there is no vector for %s", name)
		}
	}
}

// TestBrokenVectors: no prefix of a message or leaf passes for one, nor does one with a byte more.
func TestBrokenVectors(t *testing.T) {
	for _, g := range readVectors(t).Good {
		whole, leaf := unhex(t, g.Bytes), unhex(t, g.Leaf)
		for i := range len(whole) {
			if _, err := consent.Unmarshal(whole[:i]); consent.CodeOf(err) != consent.Malformed {
				t.Fatalf("%s cut to %d bytes: %v", g.Name, i, err)
			}
		}
		for i := range len(leaf) {
			if _, err := consent.ParseLeaf(leaf[:i]); consent.CodeOf(err) != consent.Malformed {
				t.Fatalf("leaf of %s cut to %d bytes: %v", g.Name, i, err)
			}
		}
		_, err := consent.Unmarshal(append(whole, 0))
		_, err2 := consent.ParseLeaf(append(leaf, 0))
		if consent.CodeOf(err) != consent.Malformed || consent.CodeOf(err2) != consent.Malformed {
			t.Fatalf("%s with a byte more: %v, %v", g.Name, err, err2)
		}
	}
	if _, err := consent.Unmarshal(make([]byte, consent.MaxMessage+1)); consent.CodeOf(err) != consent.TooLarge {
		t.Fatalf("a message beyond the limit: %v", err)
	}
}

// failing is a Reader whose n-th read fails.
type failing struct {
	consent.Reader
	n *int
}

var errDisk = errors.New("the disk is gone")

func (f failing) Get(key string) ([]byte, error) {
	if *f.n--; *f.n < 0 {
		return nil, errDisk
	}
	return f.Reader.Get(key)
}

// TestFaultyState: when a read fails nothing is accepted, and the cause is passed on.
func TestFaultyState(t *testing.T) {
	for _, g := range readVectors(t).Good {
		m, err := consent.Unmarshal(unhex(t, g.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		v, err := consent.Verify(g.Ledger, m)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(g.State) {
			n := i
			if out, err := consent.Run(g.tx(), failing{stateOf(g.State), &n}, v); !errors.Is(err, errDisk) || out.Leaf.Type != "" {
				t.Fatalf("%s with read %d failing: %+v, %v", g.Name, i, out, err)
			}
		}
		if _, err := consent.Run(consent.Tx{ID: "x"}, stateOf(g.State), v); consent.CodeOf(err) != consent.Internal {
			t.Fatalf("%s at no time: %v", g.Name, err)
		}
	}
}

// describe derives every member of a good vector but the names of its signers.
func describe(t testing.TB, name string, ledger sig.Hash, tx consent.Tx, m consent.Message, read map[string]string, out consent.Outcome) good {
	t.Helper()
	raw := m.Marshal()
	signedFor := ledger
	if _, ok := m.Body.(*consent.Init); ok {
		signedFor = sig.Hash{}
	}
	n := 4 + binary.BigEndian.Uint32(raw) // the count comes before the body
	g := good{
		Name: name, Ledger: ledger, Time: tx.Time, Body: hex.EncodeToString(raw[4:n]), Bytes: hex.EncodeToString(raw), State: read,
		Commitment: consent.Commitment(m.Body), EncodeType: sig.TypeOf(m.Body), StructHash: sig.HashStruct(m.Body),
		Separator: consent.DomainOf(signedFor).Separator(), Digest: consent.Digest(ledger, m.Body),
		Leaf: hex.EncodeToString(out.Leaf.Marshal()), Event: out.Event, Private: map[string]string{}, Purge: append([]string{}, out.Purge...),
	}
	if tx.Log != (consent.Tree{}) {
		g.Log = &tx.Log
	}
	for _, w := range out.Private {
		g.Private[w.Key] = hex.EncodeToString(w.Value)
	}
	return g
}

// TestBadVectors: every one is refused where and as it says.
func TestBadVectors(t *testing.T) {
	vs := readVectors(t)
	if len(vs.Bad) < 90 {
		t.Fatalf("only %d bad vectors", len(vs.Bad))
	}
	for _, b := range vs.Bad {
		t.Run(b.Name, func(t *testing.T) {
			stage, err := refusal(b.Text, b.Ledger, b.Time, stateOf(b.State))
			if stage != b.Stage || consent.CodeOf(err) != b.Code {
				t.Fatalf("%s: %v (%s); want %s: %s", stage, err, consent.CodeOf(err), b.Stage, b.Code)
			}
		})
	}
}

// refusal says where a text is refused: read, verify or apply, or "" when it is not.
func refusal(text string, ledger sig.Hash, time consent.Millis, r consent.Reader) (string, error) {
	var m consent.Message
	if err := m.UnmarshalJSON([]byte(text)); err != nil {
		return "read", err
	}
	v, err := consent.Verify(ledger, m)
	if err != nil {
		return "verify", err
	}
	if _, err := consent.Run(consent.Tx{ID: "vector", Time: time}, r, v); err != nil {
		return "apply", err
	}
	return "", nil
}

func TestCommitmentVectors(t *testing.T) {
	for _, c := range readVectors(t).Commitments {
		var in struct {
			Salt      sig.Hash
			Address   sig.Address
			Guardians consent.Guardians
			Code      string
			Secret    sig.Hash
		}
		if err := json.Unmarshal(c.Input, &in); err != nil {
			t.Fatal(err)
		}
		got := map[string]sig.Hash{
			"key": consent.KeyCommitment(in.Salt, in.Address), "guardians": consent.GuardianCommitment(in.Guardians),
			"secret": consent.CodeSecret(in.Code), "code": consent.CodeCommitment(in.Secret),
		}
		if got[c.Sort] != c.Commitment {
			t.Errorf("%s of %s is %s, want %s", c.Sort, c.Input, got[c.Sort], c.Commitment)
		}
	}
}

// TestVerifyInParallel: hosts verify on all cores; run with -race.
func TestVerifyInParallel(t *testing.T) {
	vs := readVectors(t)
	for range 4 {
		t.Run("worker", func(t *testing.T) {
			t.Parallel()
			for _, g := range vs.Good {
				m, err := consent.Unmarshal(unhex(t, g.Bytes))
				if err != nil {
					t.Fatal(err)
				}
				if v, err := consent.Verify(g.Ledger, m); err != nil || v.Commitment() != g.Commitment {
					t.Errorf("%s: commitment %s, %v", g.Name, v.Commitment(), err)
				}
			}
		})
	}
}
