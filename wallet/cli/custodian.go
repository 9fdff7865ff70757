package cli

import (
	"crypto/sha256"
	"io"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/wallet"
)

func hashOf(text string) consent.Hash { return sha256.Sum256([]byte(text)) }

func custodianCommand(env Env) *cobra.Command {
	a := &app{Env: env}
	c := a.group("custodian", "For custodians: open handles, issue codes and pseudonyms, enter guardians, erase",
		`Act as the custodian whose gateway this is. Record numbers stay with the custodian, sealed.`,
		a.custodianOpen(), a.custodianCode(), a.custodianFind(), a.custodianPseudonym(), a.custodianErase(),
		a.custodianGuardian(), a.custodianAnchor())
	a.memberFlags(c)
	return c
}

// Invite makes the invitation of a handle that was just opened.
func Invite(server string, e api.Enrolled) wallet.Invitation {
	return wallet.Invitation{
		Server: server, Handle: e.Handle, Code: e.Code, Seq: e.Seq, Prev: e.Prev, Ledger: e.Ledger, Genesis: e.Genesis, Key: e.Key,
		UsesKey: e.UsesKey,
	}
}

// opened is what `custodian open` and `custodian code` print.
type opened struct {
	api.Enrolled
	Invitation string `json:"invitation"`
}

func (a *app) showOpened(server string, e api.Enrolled) error {
	text, err := Invite(server, e).Format()
	if err != nil {
		return err
	}
	return a.show(opened{e, text}, func(out io.Writer) {
		printf(out, "handle %s, slot %d\ncode %s, good until %s\nprev %s\ninvitation for the patient's wallet (a QR code holds it; it is shown once):\n%s\n",
			e.Handle, e.Slot, e.Code, instant(e.CodeUntil), e.Prev, text)
	})
}

func (a *app) custodianOpen() *cobra.Command {
	var e api.Enrolment
	c := &cobra.Command{
		Use: "open", Short: "Open a handle for a patient and print the invitation", Args: cobra.NoArgs,
		Example: `  volens custodian open --member city-hospital --key city.key --local-id MRN-1`,
		RunE: func(c *cobra.Command, _ []string) error {
			if e.LocalID == "" {
				return Usage("--local-id is your own record number of the patient")
			}
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			r, err := m.Enrol(c.Context(), e)
			if err != nil {
				return err
			}
			return a.showOpened(m.URL(), r)
		},
	}
	c.Flags().StringVar(&e.LocalID, "local-id", "", "your own record number of the patient")
	c.Flags().IntVar(&e.Days, "days", 0, "how long the code is good (default 14)")
	return c
}

func (a *app) custodianCode() *cobra.Command {
	var q subjectFlags
	c := &cobra.Command{
		Use: "code", Short: "Issue a new code for a handle that nobody has claimed", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			r, err := m.Code(c.Context(), query)
			if err != nil {
				return err
			}
			return a.showOpened(m.URL(), r)
		},
	}
	q.flags(c)
	return c
}

func (a *app) custodianFind() *cobra.Command {
	var q subjectFlags
	c := &cobra.Command{
		Use: "find", Short: "Find a handle by record number, or the other way round", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			s, err := m.Search(c.Context(), query)
			if err != nil {
				return err
			}
			return a.show(s, func(out io.Writer) {
				printf(out, "%s  %s, slot %d, message %d, record %s\n", s.Handle, s.State, s.Slot, s.Seq, wallet.Escape(s.LocalID))
			})
		},
	}
	q.flags(c)
	return c
}

func (a *app) custodianPseudonym() *cobra.Command {
	var q subjectFlags
	var of string
	c := &cobra.Command{
		Use: "pseudonym", Short: "Print the pseudonym under which a member knows a patient", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			if of == "" {
				return Usage("--for names the member")
			}
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			p, err := m.Pseudonym(c.Context(), api.PseudonymQuery{SubjectQuery: query, Member: consent.MemberID(of)})
			if err != nil {
				return err
			}
			return a.show(api.Pseudonym{Pseudonym: p}, func(out io.Writer) { printf(out, "%s\n", p) })
		},
	}
	q.flags(c)
	c.Flags().StringVar(&of, "for", "", "member that will use it")
	return c
}

func (a *app) custodianAnchor() *cobra.Command {
	return &cobra.Command{
		Use: "anchor", Short: "Anchor the use log on the ledger now", Args: cobra.NoArgs,
		Long: `Put the use log's newest checkpoint on the ledger, signed by the custodian. The node does so by itself at an interval (serve
--anchor-every). From then on nobody can be shown another history of those uses: uses verify and audit verify hold the log against it.`,
		RunE: func(c *cobra.Command, _ []string) error {
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			r, err := m.AnchorNow(c.Context())
			if err != nil {
				return err
			}
			return a.show(r, func(out io.Writer) {
				if r.Receipt == nil {
					printf(out, "no use is on record yet, so there is nothing to anchor\n")
					return
				}
				printf(out, "anchored, at position %d of the ledger\n", r.Receipt.Position)
			})
		},
	}
}

func (a *app) custodianErase() *cobra.Command {
	var q subjectFlags
	var reason string
	c := &cobra.Command{
		Use: "erase", Short: "Erase a patient, by the custodian's signature", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			e, err := m.Erase(c.Context(), api.EraseSubject{SubjectQuery: query, Reason: reason})
			if err != nil {
				return err
			}
			return a.show(e, func(out io.Writer) {
				printf(out, "erased; %d erasures wait for the next change of the key ring\n", e.Pending)
			})
		},
	}
	q.flags(c)
	c.Flags().StringVar(&reason, "reason", "request", "request, retention or court")
	return c
}
