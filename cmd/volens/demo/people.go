package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/demodata"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/cli"
	"github.com/volens-ledger/volens/wallet/online"
)

// People says who can sign in and how.
type People struct {
	Server  string           `json:"server"`
	Ledger  consent.Hash     `json:"ledger"`
	Alice   Patient          `json:"alice"`
	Visitor string           `json:"visitor"` // an invitation for whoever tries the demo, good once
	Members map[string]Staff `json:"members"`
}

// Patient is Alice's wallet.
type Patient struct {
	Wallet   string `json:"wallet"`
	Password string `json:"password"`
}

// Staff is a member's key, and the pseudonym under which it knows Alice.
type Staff struct {
	Member  consent.MemberID `json:"member"`
	Key     string           `json:"key"`
	Subject string           `json:"subject,omitempty"`
}

// Settle makes the world one that people can use: members, Alice's wallet, a request from Rosa that waits for her, and an
// invitation for a visitor. It does so once; later it only says again who is there.
func (w *World) Settle(ctx context.Context) (People, error) {
	path := filepath.Join(w.cfg.Dir, "people.json")
	var p People
	b, err := os.ReadFile(path) //nolint:gosec // the demo's own path
	switch {
	case err == nil:
		if err := json.Unmarshal(b, &p); err != nil {
			return p, fmt.Errorf("read %s: %w", path, err)
		}
		p.Server = w.Node.URL()
		return p, nil
	case !errors.Is(err, fs.ErrNotExist):
		return p, err
	}
	if p, err = w.settle(ctx); err != nil {
		return p, fmt.Errorf("%w (remove %s to begin anew)", err, w.cfg.Dir)
	}
	return p, writeJSON(path, p)
}

func (w *World) settle(ctx context.Context) (People, error) {
	p := People{
		Server: w.Node.URL(), Ledger: w.Ledger, Alice: Patient{w.cfg.WalletPath(), Password}, Members: map[string]Staff{},
	}
	if err := w.Admit(ctx, func(string, receipt) error { return nil }); err != nil {
		return p, err
	}
	city, err := w.Member(CityHospital)
	if err != nil {
		return p, err
	}
	if err := w.enrolAlice(ctx, city); err != nil {
		return p, err
	}
	visitor, err := city.Enrol(ctx, api.Enrolment{LocalID: demodata.Visitor})
	if err != nil {
		return p, err
	}
	if p.Visitor, err = cli.Invite(w.Node.URL(), visitor).Format(); err != nil {
		return p, err
	}
	for name, id := range map[string]consent.MemberID{"rosa": RosaInstitute, "bob": BobPractice, "aurel": AurelAudit, "city": CityHospital} {
		s := Staff{Member: id, Key: w.cfg.KeyPath(string(id))}
		if id != AurelAudit {
			q := api.PseudonymQuery{SubjectQuery: api.SubjectQuery{LocalID: demodata.Alice}, Member: id}
			if s.Subject, err = city.Pseudonym(ctx, q); err != nil {
				return p, err
			}
		}
		p.Members[name] = s
	}
	return p, w.rosaAsks(ctx, p.Members["rosa"].Subject)
}

func (w *World) enrolAlice(ctx context.Context, city *client.Client) (err error) {
	e, err := city.Enrol(ctx, api.Enrolment{LocalID: demodata.Alice})
	if err != nil {
		return err
	}
	alice, err := wallet.Create(w.cfg.WalletPath(), Password, wallet.Options{LogN: walletCost})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alice.Close()) }()
	anybody, err := w.Client()
	if err != nil {
		return err
	}
	yes := func([]wallet.Field) (bool, error) { return true, nil }
	_, err = online.Enrol(ctx, alice, anybody, cli.Invite(w.Node.URL(), e), online.Enrolling{Confirm: yes, Rand: rand.Reader})
	return err
}

func (w *World) rosaAsks(ctx context.Context, subject string) error {
	rosa, err := w.Member(RosaInstitute)
	if err != nil {
		return err
	}
	_, err = rosa.Ask(ctx, api.ConsentRequest{Subject: subject, Consent: consentTo(RosaInstitute, "HRESCH", question), Text: question})
	return err
}

// Print says who can sign in and how, with commands to try.
func (p People) Print(w io.Writer) error {
	rosa, bob, city, aurel := p.Members["rosa"], p.Members["bob"], p.Members["city"], p.Members["aurel"]
	_, err := fmt.Fprintf(w, `Volens runs at %[1]s, on ledger %[2]s.

  export VOLENS_SERVER=%[1]s

Alice, a patient of City Hospital. Her wallet's password is %[4]q. Rosa's Institute has asked her for a consent.
  export VOLENS_WALLET=%[3]s VOLENS_PASSWORD=%[4]q
  volens consent requests
  volens consent give --to rosa-institute --purpose HRESCH --until 2030-12-31
  volens consent list
  volens uses verify
  volens uses list
  volens consent revoke-all

Rosa, a researcher of %[5]s. She knows Alice as %[7]s.
  volens access fetch --member %[5]s --key %[6]s --subject %[7]s --purpose HRESCH --type Observation

Bob, a clinician of %[8]s. He knows Alice as %[10]s.
  volens access ask --member %[8]s --key %[9]s --subject %[10]s --purpose TREAT

City Hospital, the custodian.
  volens custodian find --member %[11]s --key %[12]s --local-id %[13]s

Aurel, the auditor.
  volens audit uses --member %[14]s --key %[15]s
  volens audit verify --member %[14]s --key %[15]s --log uses

You, if you like: a wallet of your own for record %[16]s, with this invitation (good once, for 14 days).
  volens wallet create --wallet my.wallet
  volens wallet enrol --wallet my.wallet %[17]s
`,
		p.Server, p.Ledger, p.Alice.Wallet, p.Alice.Password, rosa.Member, rosa.Key, rosa.Subject, bob.Member, bob.Key, bob.Subject,
		city.Member, city.Key, demodata.Alice, aurel.Member, aurel.Key, demodata.Visitor, p.Visitor)
	return err
}
