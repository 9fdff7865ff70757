package cli

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/wallet"
)

func documentCommand(env Env) *cobra.Command {
	a := &app{Env: env}
	mine := []*cobra.Command{a.documentShare(), a.documentList(), a.documentRead(), a.documentRemove()}
	for _, c := range mine {
		a.personFlags(c)
	}
	fetch := a.documentFetch()
	a.memberFlags(fetch)
	return a.group("document", "Share documents under your consents: share, list, read, remove; fetch",
		`A document that you share (a certificate, a letter, a picture) lies sealed at your custodian's gateway. Who asks for it gets it by
a decision under your consents, like any data, and you see each use, with the document's name: the SHA-256 of its bytes.

To check a certificate that you were shown, see "volens wallet document verify".`,
		append(mine, fetch)...)
}

// share are the flags of a document to be shared.
type share struct {
	title, contentType, kind, confidentiality string
	terms
}

func (s *share) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.title, "title", "", "title, seen by whoever gets the document (default none: file names say too much)")
	f.StringVar(&s.contentType, "content-type", "", "media type, e.g. application/pdf (default by the name's ending and the content)")
	f.StringVar(&s.kind, "kind", "", "what sort of document: system|code, or a LOINC code; consents can ask for it")
	f.StringVar(&s.confidentiality, "confidentiality", "", "how private: U, L, M, N, R or V (default R, restricted)")
	f.StringArrayVar(&s.to, "to", nil, "give a consent to this document alone, for this member; may be repeated")
	f.StringArrayVar(&s.purposes, "purpose", nil, "for this purpose of use (v3-ActReason: TREAT, HRESCH, …); may be repeated")
	f.StringVar(&s.until, "until", "", "up to and with this day, or until just before this instant")
	f.Uint64Var(&s.maxUses, "max-uses", 0, "for this many uses at most")
	s.terms.kind, s.locale = "patient-privacy", "en"
}

// shared is what `document share` prints.
type shared struct {
	Document api.Document `json:"document"`
	Consent  *signed      `json:"consent,omitempty"`
	Reach    []reach      `json:"reach"` // who could have it now
}

// reach is somebody whom the consents in force let have a document.
type reach struct {
	Member  consent.MemberID `json:"member"`
	Person  string           `json:"person,omitempty"`
	Purpose string           `json:"purpose"`
}

func (a *app) documentShare() *cobra.Command {
	var s share
	c := &cobra.Command{
		Use: "share FILE", Short: "Put a document at your custodian's gateway, to be shared under your consents", Args: cobra.ExactArgs(1),
		Long: `Put a document (at most 1 MB) at your custodian's gateway, sealed. That alone gives it to nobody. With --to you also sign a consent
that names this document and nothing else; without it, the consents that you gave decide, and who could have it now is shown.
A file with a QR code's text (HC1:..., shc:/...) or a .smart-health-card is known as the certificate that it is.`,
		Example: `  volens document share vaccination.txt --to bob-practice --purpose TREAT --until 2027-12-31
  volens document share letter.pdf --confidentiality N`,
		RunE: func(c *cobra.Command, args []string) error {
			in, err := s.deposit(args[0])
			if err != nil {
				return err
			}
			if len(s.to) == 0 && len(s.purposes)+len(s.until)+int(s.maxUses) > 0 { //nolint:gosec // only whether it is 0
				return Usage("--to says whom the consent is for")
			}
			return a.withPerson(c.Context(), func(p *person) error { return p.share(c.Context(), &s, in) })
		},
	}
	s.flags(c)
	return c
}

// deposit reads the file.
func (s *share) deposit(path string) (api.Deposit, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the person names it
	if err != nil {
		return api.Deposit{}, fmt.Errorf("read the document: %w", err)
	}
	in := api.Deposit{Title: s.title, ContentType: s.contentType, Confidentiality: s.confidentiality, Data: base64.StdEncoding.EncodeToString(b)}
	if in.ContentType == "" {
		in.ContentType = contentType(path, b)
	}
	if s.kind != "" {
		system, code, ok := strings.Cut(s.kind, "|")
		if !ok {
			system, code = "http://loinc.org", s.kind
		}
		in.Type = &consent.Coding{System: system, Code: code}
	}
	return in, nil
}

// endings are media types by the ending of a file's name.
var endings = map[string]string{
	".smart-health-card": "application/smart-health-card", ".json": "application/json", ".dcm": "application/dicom", ".xml": "application/xml",
	".csv": "text/csv", ".md": "text/markdown",
}

func contentType(path string, b []byte) string {
	if t, ok := endings[strings.ToLower(filepath.Ext(path))]; ok {
		return t
	}
	t, _, _ := strings.Cut(http.DetectContentType(b), ";")
	return t
}

func (p *person) share(ctx context.Context, s *share, in api.Deposit) error {
	var out shared
	var err error
	if out.Document, err = p.API.Deposit(ctx, in); err != nil {
		return err
	}
	if b, err := base64.StdEncoding.DecodeString(in.Data); err != nil || out.Document.ID != sha256.Sum256(b) {
		return consent.Errorf(consent.Malformed, "the gateway names the document by another hash than its own: do not share it there")
	}
	if len(s.to) > 0 {
		k, err := s.consent(p.Now())
		if err != nil {
			return err
		}
		k.Period.End = p.lapse(k.Period.End)
		root := &k.Provisions[0]
		root.ResourceTypes = codings(policies.SystemResourceType, []string{"DocumentReference"})
		root.Data = []consent.DataReference{{Meaning: "instance", Reference: "DocumentReference/" + out.Document.ID.String()}}
		m, r, err := p.Put(ctx, func(l consent.Link, salt consent.Hash) consent.Body {
			return &consent.ConsentGrant{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: k, Salt: salt}
		})
		if err != nil {
			p.say("the document is at the gateway, and no consent was given; take it away with: volens document remove %s", out.Document.ID)
			return err
		}
		given := signedOf(m, r)
		out.Consent = &given
	}
	if out.Reach, err = p.reach(ctx, out.Document.ID); err != nil {
		return err
	}
	return p.show(out, func(w io.Writer) {
		printf(w, "the document is at your custodian's gateway, sealed: %s\n", out.Document.ID)
		if out.Consent != nil {
			printf(w, "consent %d to it is on the ledger\n", out.Consent.Seq)
		}
		for _, r := range out.Reach {
			printf(w, "  can have it now: %s, for %s\n", strings.TrimSpace(p.member(r.Member)+" "+wallet.Escape(r.Person)), wallet.Escape(r.Purpose))
		}
		if len(out.Reach) == 0 {
			printf(w, "  nobody can have it now: no consent of yours reaches it\n")
		}
	})
}

// maxReach is how many recipients of consents are asked about.
const maxReach = 64

// reach asks the gateway, for each recipient of a consent in force, whether it could have a document now.
func (p *person) reach(ctx context.Context, id consent.Hash) ([]reach, error) {
	list, err := p.API.Consents(ctx)
	if err != nil {
		return nil, err
	}
	out, seen := []reach{}, map[reach]bool{}
	for _, k := range list.Consents {
		if k.Status != consent.Live || k.Consent.Base() != consent.Permit {
			continue
		}
		for _, r := range recipientsOf(k.Consent) {
			if seen[r] || len(seen) == maxReach {
				continue
			}
			seen[r] = true
			d, err := p.API.Preview(ctx, api.Preview{
				Member: r.Member, Actor: api.Actor{Reference: r.Person}, Purpose: consent.Coding{System: policies.SystemPurpose, Code: r.Purpose},
				Resources: []api.Resource{{Type: "DocumentReference", ID: id.String()}},
			})
			if consent.CodeOf(err) == consent.NotFound { // a member that is not on the ledger any more
				continue
			}
			if err != nil {
				return nil, err
			}
			if d.Decision.Decision == policies.Permit {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// recipientsOf are the recipients that a consent names, each with each purpose.
func recipientsOf(k consent.Consent) (out []reach) {
	purposes := k.Provisions[0].Purposes
	if len(purposes) == 0 {
		purposes = []consent.Coding{{Code: "TREAT"}}
	}
	for _, r := range k.Provisions[0].Recipients {
		member, who, _ := strings.Cut(strings.TrimPrefix(r.Reference, "Organization/"), ":")
		for _, why := range purposes {
			out = append(out, reach{consent.MemberID(member), who, why.Code})
		}
	}
	return out
}

func (a *app) documentList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List your documents that are at the gateway", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				list, err := p.API.Documents(c.Context())
				if err != nil {
					return err
				}
				return a.showDocumentList(list)
			})
		},
	}
}

func (a *app) showDocumentList(list api.Documents) error {
	return a.show(list, func(out io.Writer) {
		for _, d := range list.Documents {
			name := strings.Join(strings.Fields(strings.Join([]string{d.Title, d.ContentType, d.Format}, " ")), " ")
			printf(out, "%s\n      %s, %d bytes, confidentiality %s, since %s\n", d.ID, wallet.Escape(name), d.Size,
				wallet.Escape(d.Confidentiality), time.UnixMilli(int64(d.Time)).UTC().Format(time.DateOnly))
		}
		if len(list.Documents) == 0 {
			printf(out, "no document of yours is at the gateway\n")
		}
	})
}

// document finds one of the person's documents by its id or the beginning of it.
func (p *person) document(ctx context.Context, id string) (found consent.Hash, err error) {
	list, err := p.API.Documents(ctx)
	if err != nil {
		return found, err
	}
	n := 0
	for _, d := range list.Documents {
		if len(id) >= 4 && strings.HasPrefix(d.ID.String(), id) {
			found, n = d.ID, n+1
		}
	}
	if n != 1 {
		return found, Usage("%d documents have an id that begins with %q", n, id)
	}
	return found, nil
}

func (a *app) documentRead() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "read ID", Short: "Read a document of yours back", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				id, err := p.document(c.Context(), args[0])
				if err != nil {
					return err
				}
				d, err := p.API.Document(c.Context(), id)
				if err != nil {
					return err
				}
				b, err := base64.StdEncoding.DecodeString(d.Data)
				if err != nil || sha256.Sum256(b) != id {
					return &exitError{code: ProofCode, err: consent.Errorf(consent.Malformed, "the gateway gave another document than this")}
				}
				return a.output(path, func(out io.Writer) error {
					_, err := out.Write(b)
					return err
				})
			})
		},
	}
	c.Flags().StringVar(&path, "out", "", "file to write (default standard output)")
	return c
}

func (a *app) documentRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove ID", Short: "Take a document away; it is destroyed", Args: cobra.ExactArgs(1),
		Long: `Take a document away. When this ends nobody gets it any more, and the key that opens it is dropped; within ten minutes that is true
of every copy of the gateway's data. Who has had it before has it. Consents that name it stay, and name nothing.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				id, err := p.document(c.Context(), args[0])
				if err != nil {
					return err
				}
				list, err := p.API.RemoveDocument(c.Context(), id)
				if err != nil {
					return err
				}
				p.say("taken away: %s", id)
				return a.showDocumentList(list)
			})
		},
	}
}
