// Package journal is an append-only, fsynced, Merkle-committed record log. It is the only thing that must not be lost:
// the embedded ledger and the use log each keep their truth in one, and rebuild everything else from it. It knows bytes
// only.
//
// # Promises
//
// A record whose Pending.Wait returned nil survives a kill and a power cut. After the first write or sync that went wrong
// nothing is acknowledged until the journal is reopened. No record, proof or tile is handed out that does not lead to a
// signed checkpoint; a flipped bit is refused with its position (CorruptError) or is harmless. A wrong, shorter, empty or
// foreign folder never opens. A full disk refuses records, and gives none a number that it then cannot store.
//
// # Files
//
//	AnchorPath             the newest signed checkpoint, outside the data folder, on another volume if possible
//	Dir/NNNNNNNNNNNNNNNNNNNN.seg   segments, named by the number of their first record in 20 decimal digits: the truth
//	Dir/hashes             derived: tree hashes in the stored-hash layout of golang.org/x/mod/sumdb/tlog, 32 bytes each
//	Dir/LOCK               held with flock(2) by the process that has the journal open
//	Dir/spare              the next segment, being reserved; removed by a start
//	Dir/ballast            space that records with Priority may take when the disk is full
//
// # Segment
//
// All numbers are big-endian. Checksums are CRC-32C (Castagnoli). A segment is a header, records without gaps, and
// either zeros to the end of the file (the last segment, which grows) or a footer (every other one, sealed).
//
//	header    8  "volens-j"
//	          4  format version, 1
//	          8  number of the first record
//	         32  SHA-256 of the origin line
//	          8  zero
//	          4  checksum of the 60 bytes before
//
//	record    4  length of what follows the checksum: 4 + leaf + attachment
//	          4  checksum of: leaf length, leaf, attachment, record number (8 bytes), length (4 bytes)
//	          4  leaf length, at most 65,535
//	             leaf
//	             attachment, at most 16 MiB
//
//	footer    4  ffffffff, where a record's length would be
//	          4  for each record: its offset in the file
//	         32  for each bit set in the number of records in the journal through this segment: the root of that complete
//	             subtree, the largest first
//	          8  number of the first record
//	          8  number of records
//	          8  offset of this footer
//	          4  checksum of the footer so far
//	          8  "volens-f"
//
// The checksum covers the record number, so a whole record in another's place is not valid. A length of zero ends the
// records. The zeros are written when the segment is reserved: a sync then has no metadata to carry.
//
// # Tree and checkpoint
//
// The tree is RFC 6962's over the leaves: leaf hash SHA-256(00 leaf), node SHA-256(01 left right). The attachment is
// committed by the checksum only, so that destroying the key that opens it leaves every proof valid. The checkpoint is a
// C2SP tlog-checkpoint, a signed note of origin, size, base64 root and the extension lines that Config.Extend gives.
// ReadTile and ReadEntries serve C2SP tlog-tiles.
//
// # Anchor
//
// Two slots of 4,096 bytes, written in turn. A slot is one line - "volens-anchor 1", a sequence number of 20 digits, the
// note's length in 4 digits, a checksum of all that and the note in 8 hex digits - then the note, then zeros. The sound
// slot with the higher sequence number holds; an even number belongs in the first slot, an odd one in the second.
//
// # Commit
//
// One committer takes whatever is queued. It writes the records with one write and syncs them while it hashes, extends
// and signs; then it writes the hashes (unsynced), then the anchor, syncs that, and acknowledges. So the anchor never
// promises what the disk does not have. When a segment is full it is sealed and synced before the next one gets its
// name.
//
// # Start
//
// Open reads the anchor, each segment's header and footer, and the records from the last footer on. The root at the
// anchor's size must be the anchor's. Below the anchor a bad byte is refused. Above it whole records, written but never
// acknowledged, are kept, written once more (a failed sync may have left them in memory only), shown to Config.Extend,
// and anchored; a torn record and what follows are wiped to zeros. A caller with state of its own brings it up to the
// anchor in Config.Replay, which runs before. Scrub, Read, Scan and Verify check the rest.
//
// # Example
//
// The journal "example.org/ledger" with the one record of leaf "hello" and attachment "sealed". Its segment
// 00000000000000000000.seg starts with
//
//	766f6c656e732d6a 00000001 0000000000000000                          "volens-j", version 1, first record 0
//	72f2b953c1a01842bd1b3b8ad3fa78c17e3e0aab4570e4633a03dc59dccd1aa0    SHA-256("example.org/ledger")
//	0000000000000000 69ddabc3                                           zero, checksum
//	0000000f 4e58dc5c 00000005                                          15 bytes follow the checksum, leaf of 5
//	68656c6c6f 7365616c6564                                             "hello", "sealed"
//
// and goes on with zeros. The leaf hash, which is also the root, is
// 8a2a5c9b768827de5a9552c38a044c66959c68f6d2f21b5260af54d2f87db827, and the text that the checkpoint signs is
//
//	example.org/ledger
//	1
//	iipcm3aIJ95alVLDigRMZpWcaPbS8htSYK9U0vh9uCc=
package journal
