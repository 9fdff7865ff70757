// Package auth says who is asking. It proves identities, hands out short-lived secrets for them, and reads from the ledger,
// at every request anew, what the identity may do. It writes no HTTP answers; package gateway does.
//
// # Who
//
//	patient     signs in with her wallet and opens her handle's key commitment
//	delegate    signs in with a wallet and opens a live delegation
//	person      signs in with a wallet whose key is a member's ledger key, or an authority's
//	client      an organisation's system, by client assertion at the token endpoint
//
// One session is one handle: nothing here joins two handles of one person.
//
// # Sign-in with a wallet (ERC-4361)
//
//	(a) The nonce is 128 random bits, a time and a MAC under a key that is drawn at start. Giving one out stores nothing, so
//	    nobody can push out another's; a nonce of before a restart is void.
//	(b) It is good for five minutes, for one browser (the binding), and for one session: it is spent before that exists.
//	(c) Domain, URI and chain id are exact, the text is fresh, the signature is the address's.
//	(d) What the address may be is looked up on the ledger: a key commitment, a delegation, a member's or an authority's key.
//	(e) Whatever fails at (d), the error is the same: nobody learns which handles exist.
//
// # Client assertions (RFC 7523, SMART Backend Services)
//
//	(f) iss = sub = the member, aud = the token URL and nothing else, exp at most five minutes ahead, jti never seen before.
//	(g) The key is in the member's record on the ledger, and the algorithm is the key's.
//	(h) An assertion that could have been used before this process started is refused. One from a fast clock waits until its
//	    time has come before it is answered; hence every answered assertion was issued before the next start.
//
// # Secrets
//
//	(i) Sessions and tokens are 256 random bits, kept as SHA-256 only, in memory only: they end with the process.
//	(k) They name an identity, never a role. A suspended member, a rotated key, an ended delegation, an erased subject, a
//	    change of a client's record: the next request is refused.
//	(l) A browser session needs, on every request that may change something, proof that our own page sent it: the check of
//	    Sec-Fetch-Site and Origin, and a token bound to the session in a header. The first alone lets requests pass that carry
//	    neither header; the second alone is lost once it leaks.
//	(m) A request with two credentials is refused. An unknown, an expired and a revoked secret get the same error.
//
// # Passports (RFC 8693, GA4GH AAI and Passport 1.2)
//
//	(n) A client may exchange a researcher's passport for a token that stands for what of it counts (policies/study): it is in
//	    the body of the token request, never in a URL, not logged and not kept. The client is proven first (f to h). Where nothing of
//	    it counts there is no token. The token ends before any visa that counts, and before the passport; so what it stands
//	    for is judged once, and nothing outlives it.
//
// # Limits
//
// All tables are bounded. Limits count by remote address before anything is proven and by key or client only after it is,
// so nobody can lock out somebody else, and no account is ever locked.
package auth
