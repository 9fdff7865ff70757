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
// The first use in testdata/vectors.json beside package uses, which has every value in full and a second use after it:
//
//	handle 000102030405060708090a0b0c0d0e0f, slot 2
//	subject salt  746a8d264b08e241c6fdbdb3e812b8bcb8ad29b408197dbe25a052fd504f6ca9
//	pseudonym     01536dcc0cfd9efc623b5ecdbc2d343b0bfe0db106e686465b79457c21696fdf
//	canonical use 000102030405060708090a0b0c0d0e0f 0000000000000001 000001a0c4506c00 00000008 6465636973696f6e …
//	              handle                           useSeq 1         time             "decision"
//	commitment    118747eab73f7f9dc7e7862d0e3e7974916260b2cb861a8c10da731d5d72eac7
//	leaf          01 0000000000000002 ‖ pseudonym ‖ 0000000000000001 ‖ 00…00 ‖ 0000000001c73875 ‖ commitment
//	leaf hash     9e6fe86c820cdcd4e2952d01498de7eb8b54c1a06472571d8281ffc470eee0e1
//	slot leaf     bb639f95a9fe09987ee9ec5ef85c1bb7066847952cb0ac6a4aeb13458214d992
//	unused slot   6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
//	checkpoint    uses.example/city-hospital
//	              1
//	              nm/obIIM3NTilS0BSY3n64tUwaBkclcdgoH/xHDu4OE=
//	              slots 3 YrEgXO3CyzIZeNNvbbXFA7NywBrvcBibkJ00mWay8gE=
//
// An empty log's extension line is
//
//	slots 0 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
package proof
