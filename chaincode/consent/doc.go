// Package consent is the contract of Volens as one pure function: what may be written to the ledger, by whom, in which
// order, and what it changes. It runs unchanged on two hosts, the embedded ledger and Hyperledger Fabric.
//
//	v, err := consent.Verify(ledgerID, msg)     // stateless, parallel: form, limits, signatures
//	ev, err := consent.Apply(tx, state, v)      // in order: may these signers do this now? writes the change
//
// Authority comes only from the signatures inside a message. Nothing here looks at a clock, draws a random number, waits,
// logs or reads anything but its arguments, and no result depends on the order of a map: every host that runs the same
// messages in the same order has the same bytes.
//
// # Subjects
//
// A subject is a handle, one patient at one custodian. Each handle has one public head; each of its messages names the
// head's seq and commitment and moves it on by one, so two messages for one place in the chain cannot both be accepted,
// and a replayed message does not follow the head any more.
//
// # What is public
//
// A leaf carries the message type, the minute, a salted commitment to the message and the public writes: heads, entries
// (that there is a consent and whether it is live), members, anchors. Names, purposes, recipients, keys and signatures are
// in the message only, which the host keeps apart and can purge; a signature would give away its maker's public key.
// Where a message relies on something committed earlier, it carries the opening and the contract checks it, so that a host
// can endorse a message without holding anybody's records.
//
// The bytes are specified in chaincode/FORMAT.md, the reasons in chaincode/DESIGN.md.
package consent
