package cli

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
)

// ReadKey reads a member's private key from a file: 64 hex digits on a line (a sig.Key), or PKCS #8 in PEM.
func ReadKey(path string) (any, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the person names it
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	if block, _ := pem.Decode(b); block != nil {
		k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read the key %s: %w", path, err)
		}
		return k, nil
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("read the key %s: neither 64 hex digits nor PEM", path)
	}
	defer clear(raw)
	k, err := sig.ParseKey(raw)
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", path, err)
	}
	return k, nil
}

// WriteKey writes a member's key as 64 hex digits into a new file of mode 0600.
func WriteKey(path string, k sig.Key) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the person names it
	if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	_, err = f.WriteString(hex.EncodeToString(k.Bytes()) + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// memberClient is the gateway as the member that the flags name.
func (a *app) memberClient() (*client.Client, error) {
	c, d, err := a.memberCredentials()
	if err != nil {
		return nil, err
	}
	return c.Member(d), nil
}

// memberCredentials are what the member that the flags name signs in with, and where.
func (a *app) memberCredentials() (*client.Client, client.Credentials, error) {
	var d client.Credentials
	if a.member == "" || a.key == "" {
		return nil, d, Usage("--member and --key say who asks")
	}
	k, err := ReadKey(a.key)
	if err != nil {
		return nil, d, err
	}
	c, err := a.dial(a.serverOr(""))
	return c, client.Credentials{Member: consent.MemberID(a.member), Key: k, KeyID: a.keyID, Now: a.Now}, err
}

// subjectFlags name a subject as its custodian does.
type subjectFlags struct{ localID, subject string }

func (q *subjectFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&q.localID, "local-id", "", "your own record number of the patient")
	c.Flags().StringVar(&q.subject, "subject", "", "or the handle, 32 hex digits")
}

func (q *subjectFlags) query() (api.SubjectQuery, error) {
	switch {
	case q.localID != "" && q.subject == "":
		return api.SubjectQuery{LocalID: q.localID}, nil
	case q.subject != "" && q.localID == "":
		h, err := consent.ParseSubjectID(q.subject)
		if err != nil {
			return api.SubjectQuery{}, Usage("--subject: %w", err)
		}
		return api.SubjectQuery{Handle: &h}, nil
	}
	return api.SubjectQuery{}, Usage("name the patient with --local-id or with --subject")
}
