package cli

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/wallet"
)

// fetched is a document that a requester got.
type fetched struct {
	ID          string `json:"id"` // SHA-256 of the bytes, which was checked
	File        string `json:"file"`
	ContentType string `json:"contentType"`
	Title       string `json:"title,omitempty"`
	Format      string `json:"format,omitempty"`
}

// received are the parts of a DocumentReference that are used here.
type received struct {
	ID      string `json:"id"`
	Content []struct {
		Attachment struct {
			ContentType string `json:"contentType"`
			Title       string `json:"title"`
			Data        []byte `json:"data"`
		} `json:"attachment"`
		Format struct {
			Code string `json:"code"`
		} `json:"format"`
	} `json:"content"`
}

func (a *app) documentFetch() *cobra.Command {
	q := ask{action: "access"}
	var ids []string
	var dir string
	c := &cobra.Command{
		Use: "fetch", Short: "As a requester: get the documents that a patient shares with you", Args: cobra.NoArgs,
		Long: `Ask for a decision and get the documents that it lets through, each in a file of its own named by its SHA-256, which is checked. It
ends with 3 when nothing flows. The gateway vouches for no content: check certificates with "volens wallet document verify".`,
		Example: `  volens document fetch --member bob-practice --key bob.key --subject PSEUDONYM --purpose TREAT --out got`,
		RunE: func(c *cobra.Command, _ []string) error {
			q.types = []string{"DocumentReference"}
			for _, id := range ids {
				q.resources = append(q.resources, "DocumentReference/"+id)
			}
			d, err := a.put(c.Context(), &q, (*client.Client).Fetch)
			if err != nil {
				return err
			}
			got, err := writeDocuments(dir, d.Data)
			if err != nil {
				return err
			}
			return a.fetchedDocuments(d, got)
		},
	}
	q.asker(c)
	f := c.Flags()
	f.StringArrayVar(&ids, "id", nil, "only the document with this SHA-256; may be repeated")
	f.StringVar(&dir, "out", ".", "folder to write the documents to")
	return c
}

// fetchedDocuments shows what came and how it was decided, and ends as that says.
func (a *app) fetchedDocuments(d api.Access, got []fetched) error {
	out := struct {
		Documents []fetched       `json:"documents"`
		Decision  string          `json:"decision"`
		Use       *api.UseReceipt `json:"use,omitempty"`
	}{got, d.Decision.Decision, d.Use}
	err := a.show(out, func(w io.Writer) {
		showDecision(w, d)
		for _, f := range got {
			printf(w, "%s\n      %s %s\n", f.File, wallet.Escape(f.ContentType), wallet.Escape(f.Title))
			if f.Format != "" {
				printf(w, "      not verified by the gateway; verify it: volens wallet document verify --trust KEYS %s\n", f.File)
			}
		}
	})
	if err == nil && d.Decision.Decision != policies.Permit {
		return Denied()
	}
	return err
}

// suffixes are endings for files of these media types; others get none.
var suffixes = map[string]string{
	"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "text/plain": ".txt", "application/json": ".json",
	"application/fhir+json": ".json", "application/smart-health-card": ".smart-health-card", "application/dicom": ".dcm",
}

// writeDocuments writes the attachments among FHIR resources. What a custodian's own DocumentReferences only point at is not
// fetched.
func writeDocuments(dir string, data []json.RawMessage) ([]fetched, error) {
	out := []fetched{}
	for i, raw := range data {
		var r received
		if err := json.Unmarshal(raw, &r); err != nil {
			return out, consent.Errorf(consent.Malformed, "read resource %d: %w", i, err)
		}
		var id consent.Hash
		if id.UnmarshalText([]byte(r.ID)) != nil || len(r.Content) != 1 || len(r.Content[0].Attachment.Data) == 0 {
			continue // the custodian's own
		}
		at := r.Content[0]
		if sha256.Sum256(at.Attachment.Data) != id {
			return out, &exitError{code: ProofCode, err: fmt.Errorf("document %s has other bytes than its name says", r.ID)}
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return out, fmt.Errorf("write documents: %w", err)
		}
		path := filepath.Join(dir, r.ID+suffixes[at.Attachment.ContentType])
		if err := os.WriteFile(path, at.Attachment.Data, 0o600); err != nil {
			return out, fmt.Errorf("write documents: %w", err)
		}
		out = append(out, fetched{r.ID, path, at.Attachment.ContentType, at.Attachment.Title, at.Format.Code})
	}
	return out, nil
}
