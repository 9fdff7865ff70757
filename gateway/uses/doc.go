// Package uses is the use log: a journal of every decision and every read, in which no use can be hidden.
//
// Each use is one record of a network/journal. Its leaf is public and says nothing personal: slot, pseudonym, number,
// previous leaf, minute, commitment. Its attachment is the use itself and the full input of the decision, sealed under the
// handle's key, so that erasing the handle leaves every leaf and every proof valid and nobody able to read it. Every
// checkpoint carries the root of the slot tree. Package proof has the formats and the checks that patients and auditors
// run; nothing there needs this package.
//
//	p, err := log.Begin(slot, use, input)   // numbered, chained, sealed, queued
//	receipt, err := p.Wait(ctx)             // durable: now, and not before, act on it
//
// # Attachment
//
//	1 ‖ handle (16) ‖ record number of the handle's previous use (8) ‖ of its first (8) ‖ sealed value of network/vault
//
// Both numbers are 0 in a first use. A request for a consent begins with 2 instead of 1, so that requests are found again
// without opening every use. The additional data of the seal is the leaf and what precedes the seal in the
// attachment, the plaintext is
//
//	length of the use (4, big-endian) ‖ canonical use ‖ input
//
// So a handle's uses are found from its newest by walking, each step checked against the chain of leaf hashes; no index
// can lead it astray, and none is needed for each use.
//
// # Index
//
// Badger holds only what the segments say: for each slot its newest use, for each 4,096 records their first and last
// minute, and in the same transaction how far that goes, the hash of the last record in it and the root of the slot tree
// there. A start checks that hash and that root before anything is signed, and
// makes the index anew when they do not hold. Nothing personal is in it.
//
// # Order
//
// A handle's uses are numbered under a lock that is held while a use is sealed and queued, never while the disk works. The
// slot tree is touched by the journal's committer only, once a commit; it can show the state of the durable checkpoint
// while the next one is being written, so that a statement is always from one snapshot.
package uses
