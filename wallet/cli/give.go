package cli

import (
	"context"
	"crypto/sha256"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/wallet"
)

// signed is what a command prints that put a message on the ledger.
type signed struct {
	Type       string           `json:"type"`
	Seq        consent.Uint64   `json:"seq"`
	Position   network.Position `json:"position"`
	Commitment consent.Hash     `json:"commitment"`
	Time       consent.Millis   `json:"time"`
	Proved     bool             `json:"proved"` // the receipt was checked against the pinned key
}

func (a *app) putAndShow(ctx context.Context, p *person, body func(l consent.Link, salt consent.Hash) consent.Body) error {
	m, r, err := p.Put(ctx, body)
	if err != nil {
		return err
	}
	return a.showSigned(m, r)
}

// showSigned prints a message whose receipt was proved.
func (a *app) showSigned(m consent.Message, r network.Receipt) error {
	s := signedOf(m, r)
	return a.show(s, func(out io.Writer) {
		printf(out, "%s %d is on the ledger: position %d, commitment %s\n  the receipt is proved in a checkpoint that the pinned key signed\n",
			s.Type, s.Seq, s.Position, s.Commitment)
	})
}

func signedOf(m consent.Message, r network.Receipt) signed {
	s := signed{Type: consent.TypeOf(m.Body), Position: r.Position, Commitment: r.Commitment, Time: r.Time, Proved: true}
	if b, ok := m.Body.(consent.SubjectBody); ok {
		s.Seq = b.Link().Seq
	}
	return s
}

func (a *app) consentGive() *cobra.Command {
	var t terms
	var answer string
	c := &cobra.Command{
		Use: "give", Short: "Give a consent", Args: cobra.NoArgs,
		Example: `  volens consent give --to rosa-institute --purpose HRESCH --type Observation --until 2027-12-31
  volens consent give --answer 6f1c…`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				var k consent.Consent
				var request consent.Hash
				var err error
				if answer != "" {
					r, findErr := p.asked(c.Context(), answer)
					k, request, err = r.Consent, r.ID, findErr
				} else {
					k, err = t.consent(p.Now())
				}
				if err != nil {
					return err
				}
				k.Period.End = p.lapse(k.Period.End)
				return a.putAndShow(c.Context(), p, func(l consent.Link, salt consent.Hash) consent.Body {
					return &consent.ConsentGrant{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Request: request, Consent: k, Salt: salt}
				})
			})
		},
	}
	c.Flags().StringVar(&answer, "answer", "", "give what this request asks for (its id, or how it begins)")
	t.flags(c.Flags())
	return c
}

// lapse is the end of a consent: what a delegate gives without one ends with her delegation, as the ledger asks.
func (p *person) lapse(end consent.Millis) consent.Millis {
	if d := p.Subject.Delegation; d != nil && end == 0 {
		return d.Ends()
	}
	return end
}

// asked finds a request by its id or the beginning of it, shows its text, and checks that the text is the one whose hash
// will be signed.
func (p *person) asked(ctx context.Context, id string) (found api.Asked, err error) {
	rs, err := p.API.Requests(ctx)
	if err != nil {
		return found, err
	}
	n := 0
	for _, r := range rs.Requests {
		if text := r.ID.String(); len(id) >= 4 && len(id) <= len(text) && text[:len(id)] == id {
			found, n = r, n+1
		}
	}
	if n != 1 {
		return found, Usage("%d requests have an id that begins with %q", n, id)
	}
	if found.Consent.TextHash != sha256.Sum256([]byte(found.Text)) {
		return found, consent.Errorf(consent.Malformed, "the request's text is not the one that its consent names: do not sign")
	}
	if err := found.Consent.Check(); err != nil {
		return found, err
	}
	p.say("%s asks:\n  %s\n", p.member(found.Member), wallet.Escape(found.Text))
	return found, nil
}

func (a *app) consentNarrow() *cobra.Command {
	var t terms
	c := &cobra.Command{
		Use: "narrow NUMBER", Short: "Replace a consent by another, without a gap", Args: cobra.ExactArgs(1),
		Long: `Replace a consent by the one that the flags describe. There is no moment with both or with none. Without --to and
--purpose, those of the old consent stay.`,
		Example: `  volens consent narrow 3 --type Observation --until 2027-06-30`,
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number(args[0])
			if err != nil {
				return err
			}
			return a.withPerson(c.Context(), func(p *person) error {
				old, err := p.consentNumbered(c.Context(), n)
				if err != nil {
					return err
				}
				k, err := t.narrowed(old.Consent, c, p)
				if err != nil {
					return err
				}
				k.Period.End = p.lapse(k.Period.End)
				return a.putAndShow(c.Context(), p, func(l consent.Link, salt consent.Hash) consent.Body {
					return &consent.ConsentGrant{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Replaces: n, Consent: k, Salt: salt}
				})
			})
		},
	}
	t.flags(c.Flags())
	return c
}

func (p *person) consentNumbered(ctx context.Context, n consent.Uint64) (api.Consent, error) {
	cs, err := p.API.Consents(ctx)
	if err != nil {
		return api.Consent{}, err
	}
	for _, k := range cs.Consents {
		if k.Seq == n {
			return k, nil
		}
	}
	return api.Consent{}, consent.Errorf(consent.NotFound, "you have no consent %d", n)
}

// narrowed is the old consent with what the flags say in the place of what it said.
func (t *terms) narrowed(old consent.Consent, c *cobra.Command, p *person) (consent.Consent, error) {
	if t.file != "" {
		return readConsent(t.file)
	}
	keep := *t
	if len(keep.to) == 0 {
		keep.to = []string{"placeholder"}
	}
	k, err := keep.consent(p.Now())
	if err != nil {
		return k, err
	}
	changed := c.Flags().Changed
	n := old
	n.RecordedAt = k.RecordedAt
	root := old.Provisions[0]
	from := k.Provisions[0]
	for flag, take := range map[string]func(){
		"to": func() { root.Recipients = from.Recipients }, "purpose": func() { root.Purposes = from.Purposes },
		"action": func() { root.Actions = from.Actions }, "type": func() { root.ResourceTypes = from.ResourceTypes },
		"label": func() { root.Labels = from.Labels }, "data-from": func() { root.DataPeriod.Start = from.DataPeriod.Start },
		"data-until": func() { root.DataPeriod.End = from.DataPeriod.End }, "from": func() { n.Period.Start = k.Period.Start },
		"until": func() { n.Period.End = k.Period.End }, "max-uses": func() { n.MaxUses = k.MaxUses },
		"erase-by": func() { n.EraseBy = k.EraseBy }, "mode": func() { n.AccessMode = k.AccessMode },
		"text": func() { n.TextHash, n.Locale = k.TextHash, k.Locale },
	} {
		if changed(flag) {
			take()
		}
	}
	if changed("data-use") || changed("visa") {
		uses := policies.DataUses(n)
		n.Policies = slices.DeleteFunc(slices.Clone(n.Policies), func(p string) bool { return slices.Contains(uses, p) })
		n.Policies = append(n.Policies, policies.DataUses(k)...)
	}
	n.Provisions = append([]consent.Provision{root}, old.Provisions[1:]...)
	n.Provisions = append(n.Provisions, k.Provisions[1:]...)
	return n, n.Check()
}

func (a *app) consentDecline() *cobra.Command {
	return &cobra.Command{
		Use: "decline REQUEST", Short: "Say no to a request, on record", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				r, err := p.asked(c.Context(), args[0])
				if err != nil {
					return err
				}
				return a.putAndShow(c.Context(), p, func(l consent.Link, salt consent.Hash) consent.Body {
					return &consent.ConsentDecline{
						Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Request: r.ID, Consent: r.Consent, Salt: salt,
					}
				})
			})
		},
	}
}
