// Package proof says what a use log is made of and checks what it claims: that a use is on record, and that none is left
// out. It is pure: no storage, no network, no clock. A wallet and an auditor need nothing else.
//
// # Formats
//
// Integers are 8 bytes big-endian, hashes are SHA-256 (32 bytes), ‖ is concatenation. hash(label, parts...) is SHA-256 of
// the label's length in one byte, the label, and the parts. A tree is RFC 6962's: leaf hash H(0x00 ‖ data), node
// H(0x01 ‖ left ‖ right), empty tree H("").
//
// A use is a [Use] in the canonical form of chaincode/FORMAT.md: its fields in order of declaration.
//
//	commitment   hash("volens/use/1", salt, canonical use)                   salt is the use's own, its last field
//	subject salt hash("volens/use-subject-salt/1", salt of the handle's use 1)
//	pseudonym    hash("volens/use-subject/1", handle (16), subject salt)
//	leaf         1 ‖ slot (8) ‖ pseudonym (32) ‖ useSeq (8) ‖ prev (32) ‖ minute (8) ‖ commitment (32)    121 bytes
//	prev         leaf hash of the handle's previous use; 32 zero bytes in the first
//	minute       the use's time in whole minutes since 1970
//
// The subject salt is a secret of the handle. It is sealed inside the body of the handle's first use and nowhere else, so
// it survives the loss of every index and is gone when the handle is erased; and showing it gives no use away.
//
// # Slot tree
//
// Every handle has a fixed slot at its custodian, given on the ledger when it was opened. The slots are the leaves of a
// second tree, in order of slot:
//
//	used slot    "\x0dvolens/slot/1" ‖ pseudonym (32) ‖ useSeq of the newest use (8) ‖ leaf hash of the newest use (32)
//	unused slot  the empty string
//
// Its size is one more than the highest slot in use, so it follows from the leaves alone, and a slot at or above the size
// is unused: the signed size says so. Every checkpoint of the log (C2SP tlog-checkpoint) has one extension line:
//
//	slots <size> <base64 of the slot tree's root>
//
// # Why nothing can be left out
//
// A patient's wallet gets one checkpoint, consistent with the one it has stored; her slot's leaf, proved in that
// checkpoint's slot tree; and her uses from the newest, which that leaf names by number and hash, each naming the one
// before it, down to number 1 or to the last one her wallet has verified. To leave one out, the log would have to sign two
// trees, and any two wallets or auditors that compare checkpoints find out. An auditor folds all leaves again ([Fold]):
// the slots come to the signed root and the numbers sum to the number of leaves, so no leaf lies outside every chain.
//
// # Example
//
// Slot 2, handle 000102…0f. The first two entries of testdata/vectors.json, beside package uses, carry every value of
// this chain in hex: use → canonical bytes → commitment → leaf → leaf hash → slot leaf → slot root → checkpoint. For an
// empty log the extension line is
//
//	slots 0 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
package proof
