package client

import (
	"context"
	"encoding/json"
)

// Bundle is POST /fhir/R4 or /fhir/R5, which base names: a FHIR Bundle of Consents to attest or to end. In a batch, whether
// an entry was taken is in the answer.
func (c *Client) Bundle(ctx context.Context, base string, bundle json.RawMessage) (json.RawMessage, error) {
	return post[json.RawMessage](ctx, c, base, bundle)
}
