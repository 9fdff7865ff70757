package online_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

// gateway is one that a test can make lie. Its ledger is a tree of one leaf, the claim's.
type gateway struct {
	*consenttest.World
	t       *testing.T
	genesis consent.Message
	members []consent.Message
	subject *consenttest.Subject
	open    consent.Message
	signer  note.Signer
	key     string

	// The lies.
	ledger  func(*api.Ledger)
	roster  func([]consent.Message) []consent.Message
	head    func(*consent.Head)
	receipt func(*network.Receipt)
	refuse  consent.Code
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{t: t}
	g.World, g.genesis = consenttest.NewWorld(t.Name())
	g.members = g.Members()
	g.subject, g.open = g.Open()
	skey, vkey, err := note.GenerateKey(consenttest.NewStream("log"), "log")
	if err != nil {
		t.Fatal(err)
	}
	if g.signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	g.key = vkey
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var v any
	switch r.URL.Path {
	case api.PathLedger:
		l := api.Ledger{ID: g.Ledger, Name: "test ledger", Genesis: g.genesis, Key: g.key, UsesKey: g.key, UsesOrigin: "uses"}
		if g.ledger != nil {
			g.ledger(&l)
		}
		v = l
	case api.PathMembers:
		ms := append([]consent.Message{g.genesis}, g.members...)
		if g.roster != nil {
			ms = g.roster(ms)
		}
		v = api.Members{Messages: ms}
	case api.PathClaims:
		if g.refuse != "" {
			p := api.ProblemOf(g.refuse, "no")
			w.Header().Set("Content-Type", api.ProblemType)
			w.WriteHeader(p.Status)
			v = p
			break
		}
		var c api.Claim
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			g.t.Error(err)
		}
		v = api.Claimed{Receipt: g.claimed(c.Message)}
	}
	if err := json.NewEncoder(w).Encode(v); err != nil {
		g.t.Error(err)
	}
}

func (g *gateway) claimed(m consent.Message) network.Receipt {
	body, ok := m.Body.(*consent.SubjectClaim)
	if !ok {
		g.t.Errorf("claimed with %T", m.Body)
		return network.Receipt{}
	}
	if _, err := consent.Verify(g.Ledger, m); err != nil {
		g.t.Error(err)
	}
	h := consent.Head{
		State: consent.Active, Custodian: consenttest.CityHospital, Slot: 7, Seq: body.Seq, Prev: consent.Commitment(body), KeyCommit: body.KeyCommit,
	}
	if g.head != nil {
		g.head(&h)
	}
	leaf := consent.Leaf{
		Type: "SubjectClaim", Time: 60_000, Commitment: consent.Commitment(body),
		Writes: []consent.Write{{Key: consent.HeadKey(body.Handle), Value: consent.Append(nil, h)}},
	}
	root := tlog.RecordHash(leaf.Marshal())
	text := fmt.Sprintf("volens/ledger/%s\n1\n%s\n", g.Ledger, base64.StdEncoding.EncodeToString(root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, g.signer)
	if err != nil {
		g.t.Error(err)
	}
	r := network.Receipt{Position: 1, Commitment: leaf.Commitment, Time: leaf.Time, Leaf: leaf.Marshal(), Checkpoint: signed}
	if g.receipt != nil {
		g.receipt(&r)
	}
	return r
}

func (g *gateway) invitation() wallet.Invitation {
	return wallet.Invitation{
		Handle: g.subject.Handle, Code: g.subject.Code, Seq: 1, Prev: consent.Commitment(g.open.Body), Ledger: g.Ledger, Genesis: g.Ledger,
		Key: g.key, UsesKey: g.key,
	}
}

// create makes a wallet. That takes as long as guessing its password, so tests share one where they can.
func create(t *testing.T) *wallet.Wallet {
	t.Helper()
	w, err := wallet.Create(filepath.Join(t.TempDir(), "wallet"), "password", wallet.Options{LogN: wallet.MinLogN})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// enrol enrols w, emptied, at g.
func (g *gateway) enrol(w *wallet.Wallet, confirm wallet.Confirm) (online.Enrolment, error) {
	g.t.Helper()
	*w.Book() = wallet.Book{}
	s := httptest.NewServer(g)
	g.t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	return online.Enrol(g.t.Context(), w, c, g.invitation(), online.Enrolling{Confirm: confirm, Rand: g.Rand})
}

func yes([]wallet.Field) (bool, error) { return true, nil }

func TestEnrol(t *testing.T) {
	g, w := newGateway(t), create(t)
	e, err := g.enrol(w, yes)
	if err != nil {
		t.Fatal(err)
	}
	s, known := w.Book().Subject(g.subject.Handle)
	if !known || s.Custodian != consenttest.CityHospital || s.Label != "City Hospital" || s.Seq != 2 || len(s.Records) != 1 {
		t.Errorf("the book has %+v", s)
	}
	if e.Head.Slot != 7 || e.Name != "City Hospital" {
		t.Errorf("enrolled as %+v", e)
	}
}

// Whatever a gateway lies about, the wallet stops, and says which sort of lie it was.
func TestEnrolBelievesNothing(t *testing.T) {
	w := create(t)
	other, otherGenesis := consenttest.NewWorld("other")
	for name, c := range map[string]struct {
		lie  func(g *gateway)
		want error
	}{
		"another ledger":   {func(g *gateway) { g.ledger = func(l *api.Ledger) { l.ID = other.Ledger } }, wallet.ErrPinned},
		"another genesis":  {func(g *gateway) { g.ledger = func(l *api.Ledger) { l.Genesis = otherGenesis } }, wallet.ErrPinned},
		"another log key":  {func(g *gateway) { g.ledger = func(l *api.Ledger) { l.Key = "k" } }, wallet.ErrPinned},
		"another uses key": {func(g *gateway) { g.ledger = func(l *api.Ledger) { l.UsesKey = "k" } }, wallet.ErrPinned},
		"members of another": {func(g *gateway) {
			g.roster = func([]consent.Message) []consent.Message { return []consent.Message{otherGenesis} }
		}, wallet.ErrPinned},
		"no members at all": {func(g *gateway) { g.roster = func([]consent.Message) []consent.Message { return nil } }, wallet.ErrRoster},
		"a forged member": {func(g *gateway) {
			g.roster = func(ms []consent.Message) []consent.Message {
				return append(ms, g.Sign(&consent.MemberAdmit{
					Member: "mallory", Name: "City Hospital", Roles: []consent.Role{consent.Researcher},
					Keys: []consent.Address{consenttest.Persona("mallory").Address()}, Salt: g.Rand.Hash(),
				}, consenttest.Persona("mallory")))
			}
		}, wallet.ErrRoster},
		"another key registered": {func(g *gateway) { g.head = func(h *consent.Head) { h.KeyCommit = consent.Hash{1} } }, wallet.ErrReceipt},
		"a receipt of nothing":   {func(g *gateway) { g.receipt = func(r *network.Receipt) { *r = network.Receipt{} } }, wallet.ErrReceipt},
		"an unsigned checkpoint": {func(g *gateway) { g.receipt = func(r *network.Receipt) { r.Checkpoint = []byte("volens") } }, wallet.ErrReceipt},
		"another leaf":           {func(g *gateway) { g.receipt = func(r *network.Receipt) { r.Leaf[20] ^= 1 } }, wallet.ErrReceipt},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			c.lie(g)
			if _, err := g.enrol(w, yes); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// Another organisation's gateway is believed on the same ledger alone, and only when the person says so.
func TestPinCopy(t *testing.T) {
	g := newGateway(t)
	w := create(t)
	if _, err := g.enrol(w, yes); err != nil {
		t.Fatal(err)
	}
	ledger, _ := w.Book().Ledger(g.Ledger)
	own := g.key
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var shown []wallet.Field
	say := func(answer bool) online.Believe {
		return func(key string, fields []wallet.Field) (bool, error) {
			if shown = fields; key != g.key {
				t.Errorf("asked about %q", key)
			}
			return answer, nil
		}
	}
	if err := online.PinCopy(t.Context(), w, ledger, c, say(false)); err != nil || shown != nil {
		t.Errorf("its own gateway: %v, %v", err, shown)
	}
	_, g.key, err = note.GenerateKey(consenttest.NewStream("copy"), "copy")
	if err != nil {
		t.Fatal(err)
	}
	if err := online.PinCopy(t.Context(), w, ledger, c, say(false)); !errors.Is(err, wallet.ErrRefused) || len(ledger.Copies) != 0 {
		t.Errorf("declined: %v", err)
	}
	if len(shown) != 2 || shown[1].Value != g.key || shown[1].Warning == "" {
		t.Errorf("shown: %+v", shown)
	}
	g.ledger = func(l *api.Ledger) { l.ID[0] ^= 1 }
	if err := online.PinCopy(t.Context(), w, ledger, c, say(true)); !errors.Is(err, wallet.ErrPinned) || len(ledger.Copies) != 0 {
		t.Errorf("another ledger: %v", err)
	}
	g.ledger = func(l *api.Ledger) { l.Key = "no key" }
	if err := online.PinCopy(t.Context(), w, ledger, c, say(true)); !errors.Is(err, wallet.ErrPinned) || len(ledger.Copies) != 0 {
		t.Errorf("a key that is none: %v", err)
	}
	g.ledger = nil
	if err := online.PinCopy(t.Context(), w, ledger, c, say(true)); err != nil || !ledger.Pinned(g.key) || !ledger.Pinned(own) {
		t.Errorf("agreed: %v, %q", err, ledger.Copies)
	}
}

// A claim that was refused for certain leaves no handle behind; one whose outcome is not known does.
func TestEnrolRefused(t *testing.T) {
	w := create(t)
	for code, kept := range map[consent.Code]bool{consent.NotFound: false, consent.Expired: false, consent.Unavailable: true, consent.Unknown: true} {
		t.Run(string(code), func(t *testing.T) {
			g := newGateway(t)
			g.refuse = code
			_, err := g.enrol(w, yes)
			if consent.CodeOf(err) != code {
				t.Errorf("got %v", err)
			}
			if _, known := w.Book().Subject(g.subject.Handle); known != kept {
				t.Errorf("the handle is kept: %v", known)
			}
		})
	}
	g := newGateway(t)
	if _, err := g.enrol(w, func([]wallet.Field) (bool, error) { return false, nil }); !errors.Is(err, wallet.ErrRefused) {
		t.Errorf("a no came to %v", err)
	}
}

// A list of uses is worth nothing without its proof.
func TestVerifyRefuses(t *testing.T) {
	g := newGateway(t)
	w := create(t)
	e, err := g.enrol(w, yes)
	if err != nil {
		t.Fatal(err)
	}
	root := tlog.RecordHash(nil)
	checkpoint := func(origin string, size int64) string {
		text := fmt.Sprintf("%s\n%d\n%s\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]), proof.SlotsLine(0, consent.Hash{}))
		b, err := note.Sign(&note.Note{Text: text}, g.signer)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, s := range map[string]proof.Statement{
		"nothing":           {},
		"another log":       {Checkpoint: checkpoint("elsewhere", 1), Slot: 7},
		"another slot":      {Checkpoint: checkpoint("uses", 1), Slot: 8},
		"uses without list": {Checkpoint: checkpoint("uses", 1), Slot: 7, UseSeq: 1},
		"unsigned":          {Checkpoint: "uses\n1\n", Slot: 7},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(s) }))
		c, err := client.New(srv.URL, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := online.Verify(t.Context(), c, w.Book(), e.Subject, false); !errors.Is(err, proof.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		srv.Close()
	}
	if e.Subject.UseLog.Checkpoint.Size != 0 || e.Subject.LastUse.Seq != 0 {
		t.Errorf("a refused statement left %+v", e.Subject.UseLog)
	}
}
