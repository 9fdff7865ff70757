/** Leaves of the ledger and receipts (chaincode/FORMAT.md sections 6 and 7). */
import { fromBase64, fromHex, fromUtf8, toHex } from "./bytes.ts";
import { decode, Reader } from "./canonical.ts";
import { malformed, Refused } from "./error.ts";
import { checkInclusion, leafHash } from "./merkle.ts";
import { commitment } from "./message.ts";
import { type Checkpoint, noteOf, openLedgerCheckpoint, parseVerifier } from "./note.ts";
import { CODES } from "./schema.ts";
import type { Handle, Hash, MemberID, Message, Millis, Receipt, Uint64 } from "./types.ts";

const VERSION = 1;
const MAX_MINUTE = 1n << 40n;
const KEY = /^[\x20-\x7e]+$/;

/** One public write of a leaf. */
export interface Write {
  key: string;
  value: Uint8Array;
}

/** A leaf of the ledger. */
export interface Leaf {
  type: number;
  minute: bigint;
  commitment: Hash;
  writes: Write[];
}

/** A handle's public head. */
export interface Head {
  state: "opened" | "active" | "recovering" | "erased";
  custodian: MemberID;
  slot: Uint64;
  seq: Uint64;
  prev: Hash;
  time: Millis;
  keyCommit: Hash;
  pendingCommit: Hash;
  guardianCommit: Hash;
  deadline: Millis;
  revokedThrough: Uint64;
}

/** parseLeaf reads the bytes of a leaf. */
export function parseLeaf(bytes: Uint8Array): Leaf {
  const r = new Reader(bytes);
  const type = r.byte();
  if (!Object.values(CODES).includes(type) || r.byte() !== VERSION) {
    malformed("not a leaf of version 1");
  }
  const minute = r.uint64();
  if (minute > MAX_MINUTE) {
    malformed("a leaf of no time");
  }
  const leaf: Leaf = { type, minute, commitment: toHex(r.take(32)), writes: [] };
  for (let n = r.uint32(); n > 0; n--) {
    const key = fromUtf8(r.take(r.uint32()));
    const value = r.take(r.uint32());
    const last = leaf.writes.at(-1);
    if (!KEY.test(key) || value.length === 0 || (last !== undefined && last.key >= key)) {
      malformed("a write that no ledger makes");
    }
    leaf.writes.push({ key, value });
  }
  r.end();
  return leaf;
}

/** headIn is the head of a handle as a leaf writes it. */
export function headIn(leaf: Leaf, handle: Handle): Head | undefined {
  const write = leaf.writes.find((w) => w.key === `head/${handle}`);
  return write === undefined ? undefined : (decode("Head", write.value) as unknown as Head);
}

/** What is pinned of a ledger. */
export interface PinnedLedger {
  id: Hash;
  genesis: Hash;
  name: string;
  key: string;
  /** What was proved of it last. */
  mark?: { size: Uint64; root: Hash };
}

/**
 * checkReceipt checks offline that a message is on the pinned ledger: its leaf commits to the message, the leaf is in the tree
 * of the checkpoint, and the pinned key signed that. Without a message, what the leaf itself says is proved.
 */
export function checkReceipt(pinned: PinnedLedger, message: Message | undefined, receipt: Receipt): Leaf {
  return openReceipt(pinned, message, receipt).leaf;
}

/** openReceipt is checkReceipt for who wants the checkpoint, too. */
export function openReceipt(pinned: PinnedLedger, message: Message | undefined, receipt: Receipt): { leaf: Leaf; ledger: Checkpoint; note: string } {
  const bytes = fromBase64(receipt.leaf);
  const leaf = parseLeaf(bytes);
  if (receipt.position === "0" || receipt.commitment !== leaf.commitment) {
    throw new Refused("proof", "the receipt is not of its leaf");
  }
  if (message !== undefined && (leaf.commitment !== commitment(message.type, message.body) || leaf.type !== CODES[message.type])) {
    throw new Refused("proof", "the receipt is of another message");
  }
  const note = noteOf(fromBase64(receipt.checkpoint));
  const ledger = openLedgerCheckpoint(note, parseVerifier(pinned.key), pinned.id);
  checkInclusion(receipt.proof.map(fromHex), ledger.size, ledger.root, BigInt(receipt.position) - 1n, leafHash(bytes));
  return { leaf, ledger, note };
}
