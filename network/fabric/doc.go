// Package fabric is the ledger on a Hyperledger Fabric network: several organisations order and check, and this is one
// organisation's way in. It is the only package that imports the Fabric SDK.
//
// The network puts messages in order and every endorser runs the contract; the gateway keeps a copy of the whole ledger in
// the embedded ledger's own form (package embedded: leaves in an RFC 6962 log, bodies sealed in the vault), which it brings
// on from the blocks of its own organisation's peer. Everything that reads (Get, Lookup, Follow, proofs, tiles, backup,
// verification) reads the copy, as fast as on one machine. Because all organisations see one order of leaves, all their
// copies have one tree: whoever compares two gateways' checkpoints finds out if one of them was shown another history.
//
// A message goes through these stages, which errors name together with the transaction:
//
//	wait     until no other message of its handle is on its way, and for company: many messages of one custodian share
//	         a transaction. Messages that take permission away have a lane of their own and wait for nobody.
//	endorse  by two organisations, named and never discovered: the custodian's and the patients' trust; for withdrawals any
//	         two, so that a hospital that is down or unwilling cannot keep a patient from revoking.
//	submit   to an orderer. From here on the outcome may be unknown.
//	commit   the transaction is in a block and valid, and its leaves are in the copy: durable and applied.
//
// An endorser's refusal is believed only when the contract, run on the own copy, refuses too: endorsers may be behind, and
// may lie. A transaction that another one overtook (MVCC_READ_CONFLICT) is endorsed again; a batch that fails as a whole
// is cut in halves, so a bad message sinks nobody but itself. What was submitted and not heard of is submitted again, then
// endorsed anew. When no outcome can be had in time the caller gets Unknown, and the transactions' ids are kept: Submit and
// Lookup of that message first find out what became of it.
//
// Freshness: the gateway's own transactions, or a heartbeat where there are none, come back in blocks. What was in a block
// before one that was sent at time t is in the copy when that one is; so the copy is at most as old as the newest own
// transaction that came back. Behind is that age.
package fabric
