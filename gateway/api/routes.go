package api

import (
	"net/http"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies/minimise"
)

// Role is who may use a route.
type Role string

// The roles of the route table. Anyone is the only one that needs no sign-in.
const (
	Anyone     Role = "anyone"
	SignedIn   Role = "signed-in"
	Patient    Role = "patient"
	Delegate   Role = "delegate"
	Clinician  Role = "clinician"
	Researcher Role = "researcher"
	Custodian  Role = "custodian"
	Auditor    Role = "auditor"
	Authority  Role = "authority"
)

// Route is one row of the route table: what there is, who may use it, and what it does. The gateway registers exactly
// these, and openapi.json is made from them.
type Route struct {
	Method  string
	Path    string // gin's form
	Roles   []Role // any of them
	Summary string
	Request any // zero value of the body's type; nil for none
	Answer  any // zero value of the answer's type; nil for something that is not JSON
}

// Paths that clients name.
const (
	PathLedger      = "/v1/ledger"
	PathCheckpoint  = "/v1/ledger/checkpoint"
	PathAnchor      = "/v1/ledger/anchor"
	PathMembers     = "/v1/members"
	PathChallenge   = "/auth/challenge"
	PathSignIn      = "/auth/sign-in"
	PathSession     = "/auth/session"
	PathLogout      = "/auth/logout"
	PathToken       = "/oauth2/token" //nolint:gosec // a path
	PathPurposes    = "/v1/purposes"
	PathMetadata    = "/.well-known/oauth-authorization-server"
	PathClaims      = "/v1/claims"
	PathMessages    = "/v1/messages"
	PathReceipts    = "/v1/receipts"
	PathMe          = "/v1/me"
	PathConsents    = "/v1/me/consents"
	PathRequests    = "/v1/me/requests"
	PathPreview     = "/v1/me/preview"
	PathUses        = "/v1/me/uses"
	PathUsesCSV     = "/v1/me/uses.csv"
	PathUsesJSON    = "/v1/me/uses.json"
	PathNotices     = "/v1/me/notices"
	PathAccess      = "/v1/access"
	PathAccessBatch = "/v1/access/batch"
	PathFetch       = "/v1/fetch"
	PathAsk         = "/v1/requests"
	PathAskedFor    = "/v1/requests/search"
	PathSubjects    = "/v1/custodian/subjects"
	PathSearch      = "/v1/custodian/subjects/search"
	PathCode        = "/v1/custodian/subjects/code"
	PathPseudonyms  = "/v1/custodian/pseudonyms"
	PathAttest      = "/v1/custodian/attest"
	PathErase       = "/v1/custodian/erase"
	PathAnchorNow   = "/v1/custodian/anchor"
	PathAuditUses   = "/v1/audit/uses"
	PathReplay      = "/v1/audit/replay"
	PathEvaluation  = "/access/v1/evaluation"
	PathEvaluations = "/access/v1/evaluations"
)

// UsesQuery asks for a statement of uses: those after the one that the wallet verified last, consistent with the log as it
// was then. With Before and Size it asks for the next page of the statement that was of that size.
type UsesQuery struct {
	After  consent.Uint64 `json:"after,omitempty"`  // useSeq of the newest verified use
	Since  consent.Uint64 `json:"since,omitempty"`  // size of the log when it was verified
	Before consent.Uint64 `json:"before,omitempty"` // page: uses before the entry with this index, the last one that came
	Size   consent.Uint64 `json:"size,omitempty"`   // page: the size in the statement's checkpoint
	Limit  int            `json:"limit,omitempty"`  // at most 1,000; 0 means 100
}

// UsesPage is a further page of a statement.
type UsesPage struct {
	Entries []proof.Entry `json:"entries"`
}

var (
	people     = []Role{Patient, Delegate}
	requesters = []Role{Clinician, Researcher, Custodian}
	everybody  = []Role{Anyone}
)

// get and post keep the table readable.
func get(path string, roles []Role, summary string, answer any) Route {
	return Route{http.MethodGet, path, roles, summary, nil, answer}
}

func post(path string, roles []Role, summary string, request, answer any) Route {
	return Route{http.MethodPost, path, roles, summary, request, answer}
}

// Routes is the route table. What is not in it does not exist; who is not in a row's Roles is refused.
func Routes() []Route {
	return append([]Route{
		get("/healthz", everybody, "The process is alive.", nil),
		get("/readyz", everybody, "The gateway can decide and record.", Ready{}),
		get("/openapi.json", everybody, "This interface as OpenAPI 3.1.", nil),
		get("/.well-known/authzen-configuration", everybody, "Where the AuthZEN interface is.", nil),
		get("/.well-known/smart-configuration", everybody, "How to sign in (SMART App Launch).", nil),
		get(PathPurposes, everybody, "What each purpose of use needs of records here: the custodian's table.", minimise.Table{}),
		get(PathMetadata, everybody, "The token endpoint's metadata (RFC 8414).", nil),
		get(PathLedger, everybody, "The ledger, its genesis and the keys of its logs.", Ledger{}),
		post(PathCheckpoint, []Role{SignedIn}, "The ledger's newest checkpoint, with proof that it holds an earlier one.", CheckpointQuery{}, Checkpoint{}),
		post(PathAnchor, everybody, "The newest anchor of the use log on the ledger, with proof that the log holds it; for a ledger size, that the ledger has grown from it, too.", AnchorQuery{}, Anchor{}),
		get(PathMembers, everybody, "The members, with the messages that the authorities signed.", Members{}),

		post(PathChallenge, everybody, "A nonce for signing in with a wallet (ERC-4361).", nil, Challenge{}),
		post(PathSignIn, everybody, "Sign in with a wallet.", SignIn{}, Session{}),
		post(PathToken, everybody, "OAuth 2 token endpoint: client_credentials, or token-exchange of a GA4GH passport, with private_key_jwt.", nil, nil),
		get(PathSession, []Role{SignedIn}, "Who is signed in.", Session{}),
		post(PathLogout, []Role{SignedIn}, "Sign out.", nil, nil),
		post(PathClaims, everybody, "Register a key with an enrolment code, or begin and finish a recovery.", Claim{}, Claimed{}),

		post(PathMessages, []Role{Patient, Delegate, Custodian, Authority}, "Put a signed message on the ledger.", nil, nil),
		post(PathReceipts, []Role{SignedIn}, "The receipt of a message, by its commitment.", ReceiptQuery{}, nil),

		get(PathMe, people, "Where my handle stands.", Me{}),
		get(PathConsents, people, "My consents.", Consents{}),
		post(PathEvidence, people, "The signed messages that one of my consents stands on, with receipts.", EvidenceQuery{}, nil),
		get(PathRequests, people, "What I am asked for.", Requests{}),
		post(PathPreview, people, "What a consent, or its end, would change for a requester.", Preview{}, Access{}),
		post(PathUses, people, "Who used my data, with proof that none is missing.", UsesQuery{}, nil),
		get(PathUsesCSV, people, "My uses as CSV.", nil),
		get(PathUsesJSON, people, "My uses as JSON, with all proofs.", nil),
		get(PathNotices, people, "Notices as server-sent events.", nil),
		get(PathDocuments, people, "My documents that are here to be shared.", Documents{}),
		post(PathDocuments, people, "Put a document here, to be shared under my consents.", Deposit{}, Document{}),
		post(PathDocumentRead, people, "Read one of my documents back.", DocumentQuery{}, DocumentContent{}),
		post(PathDocumentRemove, people, "Take one of my documents away; it is destroyed.", DocumentQuery{}, Documents{}),

		post(PathAccess, requesters, "Ask for a decision; the use is on record before the answer.", AccessRequest{}, Access{}),
		post(PathAccessBatch, requesters, "Ask for several decisions.", Batch{}, Answers{}),
		post(PathFetch, requesters, "Ask for a decision and for the resources that it lets through.", AccessRequest{}, Access{}),
		post(PathAsk, requesters, "Ask a subject for a consent.", ConsentRequest{}, Asked{}),
		post(PathAskedFor, requesters, "What I asked subjects for, and what came of it.", AskedQuery{}, AskedFor{}),
		post(PathEvaluation, requesters, "AuthZEN access evaluation.", nil, nil),
		post(PathEvaluations, requesters, "AuthZEN access evaluations.", nil, nil),

		post(PathSubjects, []Role{Custodian}, "Open a subject and issue its one-time code.", Enrolment{}, Enrolled{}),
		post(PathSearch, []Role{Custodian}, "Find a subject by record number or handle.", SubjectQuery{}, Subject{}),
		post(PathCode, []Role{Custodian}, "Issue a new code for a subject that nobody has claimed.", SubjectQuery{}, Enrolled{}),
		post(PathPseudonyms, []Role{Custodian}, "The pseudonym under which a member knows a subject.", PseudonymQuery{}, Pseudonym{}),
		post(PathAttest, []Role{Custodian}, "Enter a paper or imported consent.", Attest{}, Consent{}),
		post(PathAnchorNow, []Role{Custodian}, "Anchor the use log on the ledger now.", nil, Anchor{}),
		post(PathErase, []Role{Custodian}, "Erase a subject.", EraseSubject{}, Erasure{}),

		post(PathAuditUses, []Role{Auditor}, "The pseudonymised use log.", AuditFilter{}, AuditUses{}),
		post(PathReplay, []Role{Auditor}, "Make a past decision again.", ReplayRequest{}, Replay{}),
		get("/tlog/:log/checkpoint", []Role{Auditor, Authority}, "The newest checkpoint of a log (ledger or uses).", nil),
		get("/tlog/:log/tile/*tile", []Role{Auditor, Authority}, "A tile of a log (C2SP tlog-tiles).", nil),
	}, fhirRoutes()...)
}

// ReceiptQuery names a message by its commitment.
type ReceiptQuery struct {
	Commitment consent.Hash `json:"commitment"`
}
