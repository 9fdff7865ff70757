package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/policies/minimise"
)

// Ready asks whether the gateway can decide and record.
func (c *Client) Ready(ctx context.Context) (api.Ready, error) {
	return get[api.Ready](ctx, c, "/readyz")
}

// Ledger describes the ledger and the keys of its logs.
func (c *Client) Ledger(ctx context.Context) (api.Ledger, error) {
	return get[api.Ledger](ctx, c, api.PathLedger)
}

// Purposes is the table by which the gateway cuts answers to what their purpose needs.
func (c *Client) Purposes(ctx context.Context) (minimise.Table, error) {
	return get[minimise.Table](ctx, c, api.PathPurposes)
}

// Members lists the members, with the messages that the authorities signed.
func (c *Client) Members(ctx context.Context) (api.Members, error) {
	return call[api.Members](ctx, c, request{method: http.MethodGet, path: api.PathMembers, limit: maxLarge})
}

// Challenge asks for a nonce.
func (c *Client) Challenge(ctx context.Context) (api.Challenge, error) {
	return post[api.Challenge](ctx, c, api.PathChallenge, nil)
}

// SignIn signs in with a signed text.
func (c *Client) SignIn(ctx context.Context, s api.SignIn) (api.Session, error) {
	return post[api.Session](ctx, c, api.PathSignIn, s)
}

// Session says who is signed in.
func (c *Client) Session(ctx context.Context) (api.Session, error) {
	return get[api.Session](ctx, c, api.PathSession)
}

// Logout ends the session or token of this client.
func (c *Client) Logout(ctx context.Context) error {
	_, err := c.bytes(ctx, request{method: http.MethodPost, path: api.PathLogout})
	return err
}

// Claim spends an enrolment code. The outcome of a lost answer is found by sending the same claim again.
func (c *Client) Claim(ctx context.Context, m consent.Message) (api.Claimed, error) {
	claimed, err := post[api.Claimed](ctx, c, api.PathClaims, api.Claim{Message: m})
	if consent.CodeOf(err) == consent.Unknown && ctx.Err() == nil {
		return post[api.Claimed](ctx, c, api.PathClaims, api.Claim{Message: m})
	}
	return claimed, err
}

// Submit puts a signed message on the ledger. When the answer is lost, or the gateway does not know the outcome, it asks
// for the receipt by the message's commitment, and sends the message once more when there is none: a message that landed
// is not taken twice. An error of code Unknown is left only when all of that fails.
func (c *Client) Submit(ctx context.Context, m consent.Message) (network.Receipt, error) {
	r, err := post[network.Receipt](ctx, c, api.PathMessages, m)
	if consent.CodeOf(err) != consent.Unknown || ctx.Err() != nil {
		return r, err
	}
	if r, lookup := c.Receipt(ctx, consent.Commitment(m.Body)); lookup == nil {
		return r, nil
	}
	r, again := post[network.Receipt](ctx, c, api.PathMessages, m)
	if again == nil {
		return r, nil
	}
	if code := consent.CodeOf(again); code == consent.Unavailable || code == consent.Unknown || ctx.Err() != nil {
		return network.Receipt{}, err
	}
	return network.Receipt{}, again
}

// Receipt looks a receipt up by its message's commitment.
func (c *Client) Receipt(ctx context.Context, commitment consent.Hash) (network.Receipt, error) {
	return post[network.Receipt](ctx, c, api.PathReceipts, api.ReceiptQuery{Commitment: commitment})
}

// LedgerCheckpoint is the ledger's newest checkpoint, with proof that it holds the ledger of since records.
func (c *Client) LedgerCheckpoint(ctx context.Context, since consent.Uint64) (api.Checkpoint, error) {
	return post[api.Checkpoint](ctx, c, api.PathCheckpoint, api.CheckpointQuery{Since: since})
}

// Anchor is the newest anchor of the gateway's use log on the ledger, with proof that it and the log of size uses are one, and
// that the ledger which holds it and the one of ledger records are.
func (c *Client) Anchor(ctx context.Context, size, ledger consent.Uint64) (api.Anchor, error) {
	return post[api.Anchor](ctx, c, api.PathAnchor, api.AnchorQuery{Size: size, Ledger: ledger})
}

// AnchorNow has the gateway anchor its use log on the ledger now. The custodian's system asks.
func (c *Client) AnchorNow(ctx context.Context) (api.Anchor, error) {
	return post[api.Anchor](ctx, c, api.PathAnchorNow, nil)
}

// Me says where the handle that is signed in stands.
func (c *Client) Me(ctx context.Context) (api.Me, error) { return get[api.Me](ctx, c, api.PathMe) }

// Consents lists the handle's consents, newest first.
func (c *Client) Consents(ctx context.Context) (api.Consents, error) {
	return call[api.Consents](ctx, c, request{method: http.MethodGet, path: api.PathConsents, limit: maxLarge})
}

// Evidence gives the messages that a consent of the handle stands on, with receipts, oldest first. Check each with
// wallet.CheckReceipt.
func (c *Client) Evidence(ctx context.Context, seq consent.Uint64) (api.Evidence, error) {
	return post[api.Evidence](ctx, c, api.PathEvidence, api.EvidenceQuery{Seq: seq})
}

// Requests lists what the handle is asked for, newest first.
func (c *Client) Requests(ctx context.Context) (api.Requests, error) {
	return call[api.Requests](ctx, c, request{method: http.MethodGet, path: api.PathRequests, limit: maxLarge})
}

// Preview says what a consent, or its end, would change for a requester.
func (c *Client) Preview(ctx context.Context, p api.Preview) (api.Access, error) {
	return post[api.Access](ctx, c, api.PathPreview, p)
}

// Uses asks for a statement of the handle's uses. Check it with proof.Check.
func (c *Client) Uses(ctx context.Context, q api.UsesQuery) (proof.Statement, error) {
	return call[proof.Statement](ctx, c, request{method: http.MethodPost, path: api.PathUses, body: q, limit: maxLarge})
}

// UsesPage continues a statement below the use q.Before, in the tree of q.Size records.
func (c *Client) UsesPage(ctx context.Context, q api.UsesQuery) (api.UsesPage, error) {
	return call[api.UsesPage](ctx, c, request{method: http.MethodPost, path: api.PathUses, body: q, limit: maxLarge})
}

// UsesCSV exports the handle's uses as CSV.
func (c *Client) UsesCSV(ctx context.Context) ([]byte, error) {
	return c.bytes(ctx, request{method: http.MethodGet, path: api.PathUsesCSV, limit: maxLarge})
}

// UsesJSON exports the handle's uses as JSON with all proofs.
func (c *Client) UsesJSON(ctx context.Context) ([]byte, error) {
	return c.bytes(ctx, request{method: http.MethodGet, path: api.PathUsesJSON, limit: maxLarge})
}

// Documents lists the handle's documents, oldest first.
func (c *Client) Documents(ctx context.Context) (api.Documents, error) {
	return get[api.Documents](ctx, c, api.PathDocuments)
}

// Deposit puts a document down, to be shared under the handle's consents. The same bytes again change nothing.
func (c *Client) Deposit(ctx context.Context, d api.Deposit) (api.Document, error) {
	return post[api.Document](ctx, c, api.PathDocuments, d)
}

// Document reads a document back.
func (c *Client) Document(ctx context.Context, id consent.Hash) (api.DocumentContent, error) {
	return post[api.DocumentContent](ctx, c, api.PathDocumentRead, api.DocumentQuery{ID: id})
}

// RemoveDocument takes a document away, and returns those that stay.
func (c *Client) RemoveDocument(ctx context.Context, id consent.Hash) (api.Documents, error) {
	return post[api.Documents](ctx, c, api.PathDocumentRemove, api.DocumentQuery{ID: id})
}

// Access asks for a decision. The use is on record before the answer.
func (c *Client) Access(ctx context.Context, r api.AccessRequest) (api.Access, error) {
	return post[api.Access](ctx, c, api.PathAccess, r)
}

// Batch asks for several decisions; the answers are in the order of the requests.
func (c *Client) Batch(ctx context.Context, rs []api.AccessRequest) ([]api.Access, error) {
	b := request{method: http.MethodPost, path: api.PathAccessBatch, body: api.Batch{Requests: rs}, limit: maxLarge}
	a, err := call[api.Answers](ctx, c, b)
	if err == nil && len(a.Answers) != len(rs) {
		err = consent.Errorf(consent.Malformed, "the gateway answered %d of %d requests", len(a.Answers), len(rs))
	}
	return a.Answers, err
}

// Fetch asks for a decision and for the resources that it lets through.
func (c *Client) Fetch(ctx context.Context, r api.AccessRequest) (api.Access, error) {
	return call[api.Access](ctx, c, request{method: http.MethodPost, path: api.PathFetch, body: r, limit: maxLarge})
}

// Ask asks a subject for a consent.
func (c *Client) Ask(ctx context.Context, r api.ConsentRequest) (api.Asked, error) {
	return post[api.Asked](ctx, c, api.PathAsk, r)
}

// AskedFor lists what this member asked subjects for, newest first, and what came of each.
func (c *Client) AskedFor(ctx context.Context, q api.AskedQuery) (api.AskedFor, error) {
	return call[api.AskedFor](ctx, c, request{method: http.MethodPost, path: api.PathAskedFor, body: q, limit: maxLarge})
}

// Evaluation is AuthZEN's access evaluation: request and answer are that standard's JSON.
func (c *Client) Evaluation(ctx context.Context, body json.RawMessage) (json.RawMessage, error) {
	return post[json.RawMessage](ctx, c, api.PathEvaluation, body)
}

// Evaluations is AuthZEN's access evaluations.
func (c *Client) Evaluations(ctx context.Context, body json.RawMessage) (json.RawMessage, error) {
	return post[json.RawMessage](ctx, c, api.PathEvaluations, body)
}

// Enrol opens a subject for a local record. The answer has its one-time code, which is shown once.
func (c *Client) Enrol(ctx context.Context, e api.Enrolment) (api.Enrolled, error) {
	return post[api.Enrolled](ctx, c, api.PathSubjects, e)
}

// Search finds a subject of the custodian.
func (c *Client) Search(ctx context.Context, q api.SubjectQuery) (api.Subject, error) {
	return post[api.Subject](ctx, c, api.PathSearch, q)
}

// Code issues a new code for a subject that nobody has claimed.
func (c *Client) Code(ctx context.Context, q api.SubjectQuery) (api.Enrolled, error) {
	return post[api.Enrolled](ctx, c, api.PathCode, q)
}

// Pseudonym is the pseudonym under which a member knows a subject.
func (c *Client) Pseudonym(ctx context.Context, q api.PseudonymQuery) (string, error) {
	p, err := post[api.Pseudonym](ctx, c, api.PathPseudonyms, q)
	return p.Pseudonym, err
}

// Attest enters a paper or imported consent.
func (c *Client) Attest(ctx context.Context, a api.Attest) (api.Consent, error) {
	return post[api.Consent](ctx, c, api.PathAttest, a)
}

// Erase erases a subject by the custodian's signature.
func (c *Client) Erase(ctx context.Context, e api.EraseSubject) (api.Erasure, error) {
	return post[api.Erasure](ctx, c, api.PathErase, e)
}

// AuditUses lists uses for an auditor.
func (c *Client) AuditUses(ctx context.Context, f api.AuditFilter) (api.AuditUses, error) {
	return call[api.AuditUses](ctx, c, request{method: http.MethodPost, path: api.PathAuditUses, body: f, limit: maxLarge})
}

// Replay makes a past decision again.
func (c *Client) Replay(ctx context.Context, r api.ReplayRequest) (api.Replay, error) {
	return post[api.Replay](ctx, c, api.PathReplay, r)
}

// Checkpoint is the newest signed checkpoint of a log, "ledger" or "uses" (C2SP tlog-checkpoint).
func (c *Client) Checkpoint(ctx context.Context, log string) ([]byte, error) {
	return c.bytes(ctx, request{method: http.MethodGet, path: "/tlog/" + log + "/checkpoint"})
}

// Tile is a tile of a log (C2SP tlog-tiles), e.g. "0/x001/234" or "entries/000.p/17".
func (c *Client) Tile(ctx context.Context, log, tile string) ([]byte, error) {
	return c.bytes(ctx, request{method: http.MethodGet, path: "/tlog/" + log + "/tile/" + tile, limit: maxLarge})
}
