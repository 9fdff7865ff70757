package online_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

// recovering is a gateway that takes any verified message as a claim, with a head that the test gives.
type recovering struct {
	*gateway
	head  consent.Head
	taken []consent.Message
}

func (g *recovering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != api.PathClaims {
		g.gateway.ServeHTTP(w, r)
		return
	}
	var c api.Claim
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		g.t.Error(err)
	}
	if _, err := consent.Verify(g.Ledger, c.Message); err != nil {
		g.t.Error(err)
	}
	g.taken = append(g.taken, c.Message)
	body, ok := c.Message.Body.(consent.SubjectBody)
	if !ok {
		g.t.Errorf("claimed with %T", c.Message.Body)
		return
	}
	g.head.Seq, g.head.Prev = body.Link().Seq, consent.Commitment(body)
	leaf := consent.Leaf{
		Type: consent.TypeOf(body), Time: 60_000, Commitment: consent.Commitment(body),
		Writes: []consent.Write{{Key: consent.HeadKey(body.Link().Handle), Value: consent.Append(nil, g.head)}},
	}
	root := tlog.RecordHash(leaf.Marshal())
	text := fmt.Sprintf("volens/ledger/%s\n1\n%s\n", g.Ledger, base64.StdEncoding.EncodeToString(root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, g.signer)
	if err != nil {
		g.t.Error(err)
	}
	out := api.Claimed{Receipt: network.Receipt{
		Position: 1, Commitment: leaf.Commitment, Time: leaf.Time, Leaf: leaf.Marshal(), Checkpoint: signed,
	}}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		g.t.Error(err)
	}
}

// A recovery gives the handle to the wallet whose key the guardians named, and to no other key that a gateway shows.
func TestRecovery(t *testing.T) {
	w := create(t)
	g := &recovering{gateway: newGateway(t), head: consent.Head{State: consent.Recovering, Custodian: consenttest.CityHospital, Slot: 7}}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := g.invitation()
	v.Code = ""
	commit, err := w.Keys().Commitment(v.Handle, 0)
	if err != nil {
		t.Fatal(err)
	}
	guardian := consenttest.Persona("guardian")
	r := wallet.Recovery{
		Guardians: consent.Guardians{Addresses: []consent.Address{guardian.Address()}, Threshold: 1},
		Begin:     &consent.RecoveryBegin{Handle: v.Handle, Seq: 2, Prev: v.Prev, KeyCommit: commit, Salt: g.Rand.Hash()},
	}
	signature, err := guardian.Sign(consent.Digest(g.Ledger, r.Begin))
	if err != nil {
		t.Fatal(err)
	}
	r.Signatures = []consent.Signature{signature}

	g.head.PendingCommit = consent.Hash{9}
	if _, _, _, err := online.BeginRecovery(t.Context(), w, c, r, v); !errors.Is(err, wallet.ErrReceipt) {
		t.Errorf("another key is pending: %v", err)
	}
	g.head.PendingCommit = commit
	if _, _, h, err := online.BeginRecovery(t.Context(), w, c, r, v); err != nil || h.State != consent.Recovering {
		t.Fatal(h, err)
	}
	if diff := cmp.Diff(&r.Guardians, g.taken[1].Openings.Guardians); diff != "" {
		t.Error(diff)
	}

	link := consent.Link{Handle: v.Handle, Seq: 3, Prev: consent.Commitment(r.Begin)}
	o := online.Enrolling{Label: "back", Confirm: yes, Rand: g.Rand}
	g.head.State, g.head.PendingCommit, g.head.KeyCommit = consent.Active, consent.Hash{}, consent.Hash{9}
	if _, err := online.FinishRecovery(t.Context(), w, c, r, v, link, o); !errors.Is(err, wallet.ErrReceipt) {
		t.Errorf("another key is registered: %v", err)
	}
	*w.Book() = wallet.Book{}
	g.head.KeyCommit = commit
	e, err := online.FinishRecovery(t.Context(), w, c, r, v, link, o)
	if err != nil {
		t.Fatal(err)
	}
	if got, known := w.Book().Subject(v.Handle); !known || got != e.Subject || got.Seq != 3 || got.Label != "back" || got.Custodian != consenttest.CityHospital {
		t.Errorf("the book has %+v", got)
	}
	if o := g.taken[len(g.taken)-1].Openings; o.NewKeySalt == nil || o.KeySalt != nil {
		t.Errorf("finished with %+v", o)
	}

	*w.Book() = wallet.Book{}
	r.Begin.KeyCommit = consent.Hash{9}
	if _, err := online.FinishRecovery(t.Context(), w, c, r, v, link, o); !errors.Is(err, wallet.ErrSubject) {
		t.Errorf("another wallet's recovery: %v", err)
	}
}
