package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
)

// maxMetadata bounds a server's metadata, in bytes.
const maxMetadata = 64 << 10

// known explains a refused client assertion when the server goes by another name than the one that it was asked by, such as localhost
// for 127.0.0.1.
//
// An assertion's audience is always the token endpoint at the very address that it is sent to, never what a server says of itself:
// one that called itself by another's name would be handed an assertion, or a token, for that other (mix-up). RFC 8414, 3.3, has
// the same rule: metadata whose issuer is not the one that was asked must not be used. So the name only goes into the error, for
// the person to decide.
func (c *Client) known(ctx context.Context, refused error) error {
	b, err := c.As(nil).bytes(ctx, request{method: http.MethodGet, path: api.PathMetadata, limit: maxMetadata})
	var m struct {
		Issuer string `json:"issuer"`
	}
	if err != nil || json.Unmarshal(b, &m) != nil || m.Issuer == c.URL() || !originForm(m.Issuer) {
		return refused
	}
	return consent.Errorf(consent.CodeOf(refused), "the server at %s goes by the name %s and takes sign-ins under that alone; if it is the one you mean, say --server %s (%w)",
		c.URL(), m.Issuer, m.Issuer, refused)
}

// originForm reports whether a text is scheme://host[:port] and no more, so that it can be shown.
func originForm(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 256 && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Scheme+"://"+u.Host == s
}
