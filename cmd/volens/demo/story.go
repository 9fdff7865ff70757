package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/demodata"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/cli"
	"github.com/volens-ledger/volens/wallet/online"
)

// story is what the steps hand on to each other.
type story struct {
	w *World

	rosa, bob, city, aurel *client.Client
	knownToRosa            string // Alice's pseudonym
	knownToBob             string
	invited                api.Enrolled

	alice     *wallet.Wallet
	patient   *online.Patient
	shown     []wallet.Field // what the wallet showed last before it signed
	asked     api.Asked
	toRosa    consent.Uint64 // seq of the consent
	permitted api.Access
}

// Story walks through everything in a world that was just made, over its HTTP API, and tells each step. It ends at the first
// step that does not come out as it must, whose error it returns.
func (w *World) Story(ctx context.Context, tell func(Step) error) (err error) {
	s := &story{w: w}
	defer func() {
		if s.alice != nil {
			err = errors.Join(err, s.alice.Close())
		}
	}()
	for i, step := range s.steps() {
		out := Step{Step: i + 1, Title: step.title}
		e, stepErr := step.do(ctx)
		out.Evidence, out.OK = e, stepErr == nil
		if stepErr != nil {
			out.Error = stepErr.Error()
		}
		if err := tell(out); err != nil {
			return err
		}
		if stepErr != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, step.title, stepErr)
		}
	}
	return nil
}

type chapter struct {
	title string
	do    func(context.Context) (Evidence, error)
}

func (s *story) steps() []chapter {
	return []chapter{
		{"Two authorities make a ledger; the node serves it", s.genesis},
		{"Both authorities admit City Hospital, Bob's Practice, Rosa's Institute and Aurel Audit Office", s.admit},
		{"City Hospital opens a handle for a record and invites Alice", s.invite},
		{"Alice makes a wallet and enrols: her key, her handle, the ledger pinned", s.enrol},
		{"Alice signs in with her wallet (ERC-4361)", s.signIn},
		{"Rosa asks for Alice's data for research: nobody has consented", s.denied},
		{"Rosa asks Alice for a consent", s.ask},
		{"Alice reads what she would sign, and signs", s.give},
		{"Rosa asks again: permitted, on record, and the data flows", s.permit},
		{"Alice lets Bob treat her, but for what is labelled restricted", s.treat},
		{"Bob asks to treat Alice: what is restricted stays closed", s.treated},
		{"Alice sees every use, and proves offline that none is missing", s.prove},
		{"Alice withdraws her consent to Rosa", s.revoke},
		{"Rosa asks once more: denied", s.deniedAgain},
		{"Aurel, the auditor, makes the permit again from its sealed input", s.replay},
		{"Aurel fetches both logs and verifies them whole", s.audit},
		{"The operator stops the node, verifies every byte on disk, and starts it again", s.inspect},
		{"Alice proves her uses again: the auditor's looks are among them", s.proveAgain},
		{"Alice erases her handle", s.erase},
		{"After the erasure: nobody gets in, nobody is found", s.erased},
		{"Aurel verifies both logs again: every proof still holds", s.audit},
		{"The operator verifies every byte on disk again", s.inspect},
	}
}

func (s *story) genesis(ctx context.Context) (Evidence, error) {
	c, err := s.w.Client()
	if err != nil {
		return nil, err
	}
	l, err := c.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	for id, to := range map[consent.MemberID]**client.Client{RosaInstitute: &s.rosa, BobPractice: &s.bob, CityHospital: &s.city, AurelAudit: &s.aurel} {
		if *to, err = s.w.Member(id); err != nil {
			return nil, err
		}
	}
	return Evidence{
		{"gateway", c.URL()},
		{"ledger", l.ID},
		{"position", l.Position},
		{"ledger key", l.Key},
		{"uses key", l.UsesKey},
		{"policies", l.PolicyDigest},
		{"code systems", l.CodesDigest},
	}, nil
}

func (s *story) admit(ctx context.Context) (Evidence, error) {
	var e Evidence
	err := s.w.Admit(ctx, func(name string, r receipt) error {
		e = append(e, Item{name, fmt.Sprintf("position %d, commitment %s", r.Position, r.Commitment)})
		return nil
	})
	return e, err
}

func (s *story) invite(ctx context.Context) (_ Evidence, err error) {
	if s.invited, err = s.city.Enrol(ctx, api.Enrolment{LocalID: demodata.Alice}); err != nil {
		return nil, err
	}
	return Evidence{
		{"record", demodata.Alice + " (sealed; it never leaves the hospital)"},
		{"handle", s.invited.Handle},
		{"slot", s.invited.Slot},
		{"position", s.invited.Receipt.Position},
		{"commitment", s.invited.Receipt.Commitment},
	}, nil
}

// confirm keeps what the wallet shows, and agrees.
func (s *story) confirm(fields []wallet.Field) (bool, error) {
	s.shown = fields
	return true, nil
}

func (s *story) enrol(ctx context.Context) (Evidence, error) {
	c, err := s.w.Client()
	if err != nil {
		return nil, err
	}
	if s.alice, err = wallet.Create(s.w.cfg.WalletPath(), Password, wallet.Options{LogN: walletCost}); err != nil {
		return nil, err
	}
	e, err := online.Enrol(ctx, s.alice, c, cli.Invite(c.URL(), s.invited), online.Enrolling{Confirm: s.confirm, Rand: rand.Reader})
	if err != nil {
		return nil, err
	}
	ledger, ok := s.alice.Book().Ledger(e.Subject.Ledger)
	if !ok {
		return nil, wallet.ErrPinned
	}
	r, err := online.Roster(ctx, c, *ledger)
	if err != nil {
		return nil, err
	}
	s.patient = &online.Patient{
		Wallet: s.alice, Subject: e.Subject, Ledger: ledger, API: c, Names: wallet.Names{Member: r.Member, Code: online.Code},
		Confirm: s.confirm, Rand: rand.Reader,
	}
	return Evidence{
		{"wallet", s.w.cfg.WalletPath()},
		{"custodian", e.Name},
		{"key commitment", e.Head.KeyCommit},
		{"position", e.Receipt.Position},
		{"commitment", e.Receipt.Commitment},
		{"proved", "the receipt, against the key pinned by the invitation"},
	}, nil
}

func (s *story) signIn(ctx context.Context) (Evidence, error) {
	session, err := online.SignIn(ctx, s.alice, s.patient.Subject.Handle, s.patient.API)
	if err != nil {
		return nil, err
	}
	s.patient.API = s.patient.API.As(client.Bearer(session.AccessToken))
	return Evidence{{"roles", session.Roles}, {"token", fmt.Sprintf("good for %d s; the gateway keeps its hash only", session.ExpiresIn)}}, nil
}

// proofOf is evidence of a decision.
func proofOf(a api.Access) Evidence {
	e := Evidence{{"decision", a.Decision.Decision}, {"says", a.Sentence.Text}, {"position", a.Position}}
	if len(a.Consents) > 0 {
		e = append(e, Item{"consents", a.Consents}, Item{"rules", a.Rules})
	}
	if a.Use != nil {
		e = append(e, Item{"use", fmt.Sprintf("%d of Alice, record %d, leaf %s", a.Use.UseSeq, a.Use.Index, a.Use.Leaf)})
	}
	return e
}

// fetch asks for data and demands this decision, on record.
func fetch(ctx context.Context, c *client.Client, r api.AccessRequest, want string) (api.Access, error) {
	a, err := c.Fetch(ctx, r)
	switch {
	case err != nil:
		return a, err
	case a.Decision.Decision != want:
		return a, fmt.Errorf("the decision is %s, not %s: %s", a.Decision.Decision, want, a.Sentence.Text)
	case a.Use == nil:
		return a, errors.New("the decision is not on record")
	case want == "deny" && len(a.Data) > 0:
		return a, errors.New("data flowed on a denial")
	case want == "permit" && len(a.Data) == 0:
		return a, errors.New("no data flowed on a permit")
	}
	return a, nil
}

func (s *story) forRosa() api.AccessRequest {
	return api.AccessRequest{
		Subject: s.knownToRosa, Actor: api.Actor{Reference: "Practitioner/rosa"}, Purpose: purpose("HRESCH"), Action: access,
		RequestID: "study-7",
	}
}

func (s *story) denied(ctx context.Context) (Evidence, error) {
	var err error
	query := api.PseudonymQuery{SubjectQuery: api.SubjectQuery{LocalID: demodata.Alice}, Member: RosaInstitute}
	if s.knownToRosa, err = s.city.Pseudonym(ctx, query); err != nil {
		return nil, err
	}
	a, err := fetch(ctx, s.rosa, s.forRosa(), "deny")
	return append(Evidence{{"subject", s.knownToRosa + " (a pseudonym of Rosa's own)"}}, proofOf(a)...), err
}

func (s *story) deniedAgain(ctx context.Context) (Evidence, error) {
	a, err := fetch(ctx, s.rosa, s.forRosa(), "deny")
	return proofOf(a), err
}

func (s *story) permit(ctx context.Context) (_ Evidence, err error) {
	s.permitted, err = fetch(ctx, s.rosa, s.forRosa(), "permit")
	return append(proofOf(s.permitted), Item{"data", flowed(s.permitted)}), err
}

func (s *story) treated(ctx context.Context) (Evidence, error) {
	var err error
	query := api.PseudonymQuery{SubjectQuery: api.SubjectQuery{LocalID: demodata.Alice}, Member: BobPractice}
	if s.knownToBob, err = s.city.Pseudonym(ctx, query); err != nil {
		return nil, err
	}
	all, err := demodata.Store{}.Resources(ctx, demodata.Alice)
	if err != nil {
		return nil, err
	}
	r := api.AccessRequest{
		Subject: s.knownToBob, Actor: api.Actor{Reference: "Practitioner/bob"}, Purpose: purpose("TREAT"), Action: access,
	}
	a, err := s.bob.Fetch(ctx, r)
	e := append(proofOf(a), Item{"data", flowed(a)})
	if want := len(all) - demodata.Restricted(demodata.Alice); err == nil && len(a.Data) != want {
		err = fmt.Errorf("%d resources flowed, %d must", len(a.Data), want)
	}
	return e, err
}

func (s *story) replay(ctx context.Context) (Evidence, error) {
	r, err := s.aurel.Replay(ctx, api.ReplayRequest{Index: s.permitted.Use.Index, Why: "yearly audit"})
	if err != nil {
		return nil, err
	}
	e := Evidence{
		{"record", r.Index}, {"was", r.Was}, {"is", r.Again.Decision}, {"policies", r.Again.PolicyDigest}, {"input", r.Again.InputDigest},
	}
	if !r.Same {
		return e, fmt.Errorf("the decision differs: %s", r.Detail)
	}
	return e, nil
}

func (s *story) audit(ctx context.Context) (Evidence, error) {
	l, err := s.aurel.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	var e Evidence
	for _, log := range []struct{ name, key, origin string }{{"ledger", l.Key, l.Origin}, {"uses", l.UsesKey, l.UsesOrigin}} {
		r, err := cli.VerifyLog(ctx, s.aurel, log.name, log.key, log.origin)
		if err != nil {
			return e, err
		}
		e = append(e, Item{log.name, fmt.Sprintf("%d entries, root %s", r.Size, r.Root)})
		if log.name == "uses" {
			e = append(e, Item{"slots", fmt.Sprintf("%d in use, every chain whole", r.Slots)})
		}
	}
	page, err := s.aurel.AuditUses(ctx, api.AuditFilter{Limit: 500})
	if err != nil {
		return e, err
	}
	gone := 0
	for _, r := range page.Rows {
		if r.Erased {
			gone++
		}
	}
	return append(e, Item{"read", fmt.Sprintf("%d uses under pseudonyms, %d of them of erased subjects", len(page.Rows), gone)}), nil
}

func (s *story) inspect(ctx context.Context) (Evidence, error) {
	r, err := s.w.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	e := Evidence{
		{"ledger", fmt.Sprintf("%d records, root %s", r.Size, r.Root)},
		{"uses", fmt.Sprintf("%d records, root %s", r.Uses.Size, r.Uses.Root)},
		{"state", fmt.Sprintf("%s, as the contract makes it again", r.State)},
	}
	if r.Signatures != nil {
		e = append(e, Item{"signatures", fmt.Sprintf("%d on %d messages hold; %d messages are erased",
			r.Signatures.Signatures, r.Signatures.Messages, r.Signatures.Erased)})
	}
	return e, nil
}

func (s *story) erased(ctx context.Context) (Evidence, error) {
	c, err := s.w.Client()
	if err != nil {
		return nil, err
	}
	var e Evidence
	_, err = online.SignIn(ctx, s.alice, s.patient.Subject.Handle, c)
	if err == nil {
		return e, errors.New("an erased subject signed in")
	}
	e = append(e, Item{"Alice's sign-in", string(consent.CodeOf(err))})
	a, err := s.rosa.Fetch(ctx, s.forRosa())
	if err == nil && a.Decision.Decision != "deny" || len(a.Data) > 0 {
		return e, errors.New("data of an erased subject flowed")
	}
	e = append(e, Item{"Rosa's request", answerTo(a, err)})
	_, err = s.city.Search(ctx, api.SubjectQuery{LocalID: demodata.Alice})
	if err == nil {
		return e, errors.New("the hospital still finds the record's handle")
	}
	e = append(e, Item{"hospital's look", string(consent.CodeOf(err))})
	if _, err := os.Stat(s.w.cfg.WalletPath()); err != nil {
		return e, err
	}
	return append(e, Item{"Alice keeps", fmt.Sprintf("%d messages with receipts in her wallet", len(s.patient.Subject.Records))}), nil
}

func answerTo(a api.Access, err error) string {
	if err != nil {
		return string(consent.CodeOf(err))
	}
	return a.Decision.Decision
}
