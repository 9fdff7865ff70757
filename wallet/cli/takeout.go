package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
	"github.com/volens-ledger/volens/wallet/takeout"
)

// output opens the file that --out names for run, or gives standard output. A file that is there is not overwritten.
func (a *app) output(path string, run func(io.Writer) error) (err error) {
	if path == "" {
		return run(a.Out)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the person names it
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil { // part of it must not pass for all
			err = errors.Join(err, os.Remove(path))
		}
	}()
	return run(f)
}

func (a *app) usesReport() *cobra.Command {
	var law, format, path string
	c := &cobra.Command{
		Use: "report", Short: "Write an account of who had your data, for a law: JSON, CSV or a page to print", Args: cobra.NoArgs,
		Long: `Write an account of who had your data, from uses that are proved first. --law hipaa is the accounting of disclosures of 45 CFR
164.528 (six years back); --law ehds is what Regulation (EU) 2025/327, article 9, lets you ask for (three years back).`,
		RunE: func(c *cobra.Command, _ []string) error {
			write, ok := map[string]func(takeout.Account, io.Writer) error{
				"json": takeout.Account.WriteJSON, "csv": takeout.Account.WriteCSV, "html": takeout.Account.WriteHTML,
			}[format]
			if !ok {
				return Usage("--format is json, csv or html")
			}
			if law != string(takeout.HIPAA) && law != string(takeout.EHDS) {
				return Usage("--law is hipaa or ehds")
			}
			return a.proved(c.Context(), true, func(p *person, v online.Verified) error {
				names, err := p.accountNames(c.Context())
				if err != nil {
					return err
				}
				account := takeout.NewAccount(takeout.Law(law), p.Subject.Handle, v.Now, v.Statement.Entries, p.Now(), names)
				return a.output(path, func(out io.Writer) error { return write(account, out) })
			})
		},
	}
	c.Flags().StringVar(&law, "law", "ehds", "hipaa or ehds")
	c.Flags().StringVar(&format, "format", "html", "json, csv or html")
	c.Flags().StringVar(&path, "out", "", "file to write (default standard output)")
	return c
}

// accountNames are the words of an account.
func (p *person) accountNames(ctx context.Context) (takeout.Names, error) {
	list, err := p.API.Consents(ctx)
	if err != nil {
		return takeout.Names{}, err
	}
	known := map[consent.Uint64]takeout.Consent{}
	for _, k := range list.Consents {
		known[k.Seq] = takeout.Consent{Seq: k.Seq, Commitment: k.Commitment, TextHash: k.Consent.TextHash}
	}
	return takeout.Names{
		Member: p.Names.Member, Code: p.Names.Code,
		Consent: func(seq consent.Uint64) (takeout.Consent, bool) {
			k, ok := known[seq]
			return k, ok
		},
	}, nil
}

func (a *app) consentReceipt() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "receipt NUMBER", Short: "Write the receipt of a consent (ISO/IEC TS 27560)", Args: cobra.ExactArgs(1),
		Long: `Write a consent receipt by ISO/IEC TS 27560, in JSON-LD, of any consent of yours: given, declined, entered by your custodian, and
in the state that it has now. It carries its own evidence: anybody can check it offline with "volens verify FILE". It says
who signed, so what your custodian entered is not taken for your signature. After an erasure it comes from what this wallet signed
alone. It names your handle, and what you consented to: hand it only to whom you want to.`,
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number(args[0])
			if err != nil {
				return err
			}
			r, err := a.receipt(c.Context(), n)
			if err != nil {
				return err
			}
			b, err := r.Format()
			if err != nil {
				return err
			}
			return a.output(path, func(out io.Writer) error {
				_, err := out.Write(b)
				return err
			})
		},
	}
	c.Flags().StringVar(&path, "out", "", "file to write (default standard output)")
	return c
}

// receipt makes the receipt of the consent with this seq from what the wallet signed and what the gateway knows.
func (a *app) receipt(ctx context.Context, seq consent.Uint64) (r takeout.Receipt, err error) {
	p, known, err := a.openAnyway(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.Wallet.Close()) }()
	l, err := p.API.Ledger(ctx)
	if err != nil {
		return r, err
	}
	ms, err := p.API.Members(ctx)
	if err != nil {
		return r, err
	}
	all, err := records(p.Subject)
	if err != nil {
		return r, err
	}
	if known {
		more, err := p.API.Evidence(ctx, seq)
		if err != nil {
			return r, err
		}
		for _, m := range more.Messages {
			all = append(all, takeout.Proved(m))
		}
	}
	if err := p.ownReceipts(ctx, all); err != nil {
		return r, err
	}
	e := takeout.Evidence{
		Ledger: p.Ledger.ID, Genesis: p.Ledger.Genesis, LogKey: p.Ledger.Log.Key,
		Stated: takeout.Stated{Jurisdiction: l.Jurisdiction, Gateway: p.API.URL(), Issued: consent.Millis(p.Now().UnixMilli())},
	}
	if !sortEvidence(&e, all, seq) {
		return r, consent.Errorf(consent.NotFound, "there is no consent %d here", seq)
	}
	e.Stated.Gone = !known && e.Ended == nil
	e.Members = takeout.Parties(ms.Messages, parties(e, p.Subject.Custodian)...)
	return takeout.New(e)
}

// ownReceipts asks the own gateway for receipts of messages that went through another organisation's: what is taken away holds
// by one key.
func (p *person) ownReceipts(ctx context.Context, all []takeout.Proved) (err error) {
	own := wallet.Ledger{ID: p.Ledger.ID, Log: wallet.Log{Key: p.Ledger.Log.Key}}
	for i := range all {
		if r := &all[i].Receipt; len(p.Ledger.Copies) > 0 && r.Leaf != nil {
			if _, _, other := wallet.CheckReceipt(own, all[i].Message, *r); other != nil {
				if *r, err = p.API.Receipt(ctx, r.Commitment); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// openAnyway opens the wallet and signs in; known is false when the gateway does not know the handle, as after an erasure. The
// caller closes the wallet.
func (a *app) openAnyway(ctx context.Context) (p *person, known bool, err error) {
	w, err := a.openWallet()
	if err != nil {
		return nil, false, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	s, err := a.pick(w.Book())
	if err != nil {
		return nil, false, err
	}
	if p, err = a.personOf(w, s); err != nil {
		return nil, false, err
	}
	if err = p.signIn(ctx); consent.CodeOf(err) == consent.Unauthorized {
		a.say("the gateway does not know this handle any more; the receipt says what this wallet knows")
		return p, false, nil
	}
	return p, true, err
}

// records are the messages that the wallet signed, with their receipts.
func records(s *wallet.Subject) ([]takeout.Proved, error) {
	out := make([]takeout.Proved, 0, len(s.Records))
	for _, rec := range s.Records {
		p, err := provedRecord(rec)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// sortEvidence finds what is about consent seq among messages, and puts it into its place. It is false when the consent is not
// among them.
func sortEvidence(e *takeout.Evidence, all []takeout.Proved, seq consent.Uint64) bool {
	link := func(p takeout.Proved) (l consent.Link) {
		if b, ok := p.Message.Body.(consent.SubjectBody); ok {
			l = b.Link()
		}
		return l
	}
	all = slices.DeleteFunc(all, func(p takeout.Proved) bool { return p.Receipt.Leaf == nil }) // not on the ledger, as far as the wallet knows
	slices.SortStableFunc(all, func(a, b takeout.Proved) int { return cmp.Compare(link(a).Seq, link(b).Seq) })
	i := slices.IndexFunc(all, func(p takeout.Proved) bool { return isConsent(p.Message.Body, seq) })
	if i < 0 {
		return false
	}
	e.Consent = all[i]
	for _, p := range all {
		if c, ok := p.Message.Body.(*consent.ConsentConfirm); ok && c.Consent == seq && e.Confirm == nil {
			e.Confirm = &p
		}
		if _, ok := takeout.Ends(p.Message.Body, e.Consent.Message.Body); ok && e.Ended == nil {
			e.Ended = &p
		}
	}
	return true
}

func isConsent(b consent.Body, seq consent.Uint64) bool {
	switch b := b.(type) {
	case *consent.ConsentGrant:
		return b.Seq == seq
	case *consent.ConsentDecline:
		return b.Seq == seq
	case *consent.ConsentAttest:
		return b.Seq == seq
	}
	return false
}

func provedRecord(rec wallet.Record) (p takeout.Proved, err error) {
	if err = json.Unmarshal(rec.Message, &p.Message); err == nil && len(rec.Receipt) > 0 {
		err = json.Unmarshal(rec.Receipt, &p.Receipt)
	}
	if err != nil {
		err = fmt.Errorf("read the wallet: %w", err)
	}
	return p, err
}

// parties are the members that a consent names, and its custodian.
func parties(e takeout.Evidence, custodian consent.MemberID) []consent.MemberID {
	out := []consent.MemberID{custodian}
	var k consent.Consent
	switch b := e.Consent.Message.Body.(type) {
	case *consent.ConsentGrant:
		k = b.Consent
	case *consent.ConsentDecline:
		k = b.Consent
	case *consent.ConsentAttest:
		k = b.Consent
	}
	for _, p := range k.Provisions {
		for _, r := range p.Recipients {
			if id, ok := takeout.Member(r.Reference); ok {
				out = append(out, id)
			}
		}
	}
	return out
}

// checked is what `volens verify` prints.
type checked struct {
	Record  string       `json:"record"`
	State   string       `json:"state"`
	Issued  string       `json:"issued,omitempty"` // the state is as of then
	Signed  string       `json:"signedBy"`         // subject, delegate or custodian
	Ledger  consent.Hash `json:"ledger"`
	Genesis consent.Hash `json:"genesis"`
	LogKey  string       `json:"logKey"`
	Pinned  bool         `json:"pinned"` // the key is the one that was given with --log-key
}

// Verify is `volens verify`: it needs no wallet, no server and no network.
func Verify(env Env) *cobra.Command {
	a := &app{Env: env}
	var key string
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check a consent receipt, or an auditor's evidence, offline", Args: cobra.ExactArgs(1),
		Long: `Check a consent receipt (ISO/IEC TS 27560, from "volens consent receipt") offline: who signed, that it is on the
ledger, who the parties are, and that the receipt says what that evidence says. What remains is whether the ledger is the
right one: compare its key with what you know, or give it with --log-key. It ends with 4 when anything does not hold.

Evidence that an auditor saved from the app holds both logs whole: they hash to their signed checkpoints, every subject's
uses are numbered without a gap, the ledger's anchors hold, and the uses that it lists are in the log.`,
		RunE: func(c *cobra.Command, args []string) error {
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			if isEvidence(b) {
				return a.verifyEvidence(c, b, key)
			}
			r, err := takeout.Check(b)
			if err != nil {
				return &exitError{code: ProofCode, err: err}
			}
			e := r.Evidence
			if key != "" && key != e.LogKey {
				return &exitError{code: ProofCode, err: fmt.Errorf("%w: its ledger's key is %s", takeout.ErrRefused, e.LogKey)}
			}
			out := checked{r.Identifier, r.Events[len(r.Events)-1].State, r.Issued, signedBy(r), e.Ledger, e.Genesis, e.LogKey, key != ""}
			return a.show(out, func(w io.Writer) { showChecked(w, r, out) })
		},
	}
	c.Flags().BoolVar(&a.json, "json", false, "write JSON for programs")
	c.Flags().StringVar(&key, "log-key", "", "the verifier key of the ledger's log, as you know it")
	return c
}

// signedBy is who signed the consent. The first receipts did not say, and were of consents that the person or her delegate signed.
func signedBy(r takeout.Receipt) string {
	if r.SignedBy == "" {
		return "subject"
	}
	return r.SignedBy
}

func showChecked(out io.Writer, r takeout.Receipt, k checked) {
	printf(out, "the receipt holds: %s\n", k.Record)
	if k.Signed == "custodian" {
		printf(out, "  NOT SIGNED BY THE PERSON: her custodian entered it, and answers for it\n")
	}
	for _, e := range r.Events {
		printf(out, "  %s  %s, valid %s\n", e.Time, e.State, e.Valid)
		if e.Note != "" {
			printf(out, "    %s\n", e.Note)
		}
	}
	if k.Issued != "" {
		printf(out, "  issued %s: what came later is not in it\n", k.Issued)
	}
	for _, p := range r.Parties {
		printf(out, "  %s: %s (%s)\n", p.Type, wallet.Escape(p.Name), wallet.Escape(p.ID))
	}
	printf(out, "it is on ledger %s, whose log signs as\n  %s\n", k.Ledger, wallet.Escape(k.LogKey))
	if !k.Pinned {
		printf(out, "Compare that key with the one you know: who makes a ledger of his own can make receipts of it.\n")
	}
}
