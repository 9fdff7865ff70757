/** Uses, their leaves and slots: the formats of the package comment of gateway/uses/proof. */
import { type Bytes, concat, fromHex, labelled, toHex, uint64, utf8 } from "./bytes.ts";
import { encode } from "./canonical.ts";
import { leafHash } from "./merkle.ts";
import type { Handle, Hash, Use } from "./types.ts";

const VERSION = 1;
const MINUTE = 60_000n;
const MAX_MINUTE = 1n << 40n;

/** MAX_SLOTS bounds slot trees. */
export const MAX_SLOTS = 1n << 26n;

/** useCommitment is what a leaf says of a use. */
export function useCommitment(use: Use): Bytes {
  return labelled("volens/use/1", fromHex(use.salt), encode("Use", use));
}

/** subjectSalt derives a handle's subject salt from the salt of its first use. */
export function subjectSalt(first: Hash): Hash {
  return toHex(labelled("volens/use-subject-salt/1", fromHex(first)));
}

/** pseudonym is how leaves name a handle. */
export function pseudonym(handle: Handle, salt: Hash): Bytes {
  return labelled("volens/use-subject/1", fromHex(handle), fromHex(salt));
}

/** useLeaf is the 121 bytes of a use's leaf. */
export function useLeaf(use: Use, slot: bigint, salt: Hash, prev: Hash): Bytes {
  const minute = BigInt(use.time) / MINUTE;
  const cut = minute < 0n ? 0n : minute > MAX_MINUTE ? MAX_MINUTE : minute;
  return concat(
    Uint8Array.of(VERSION), uint64(slot), pseudonym(use.handle, salt), uint64(BigInt(use.useSeq)), fromHex(prev), uint64(cut), useCommitment(use),
  );
}

/** useLeafHash is its hash in the log's tree. */
export function useLeafHash(use: Use, slot: bigint, salt: Hash, prev: Hash): Bytes {
  return leafHash(useLeaf(use, slot, salt, prev));
}

/** slotLeafHash is the hash, in the slot tree, of a slot whose newest use has this number and leaf hash. */
export function slotLeafHash(name: Uint8Array, useSeq: bigint, head: Uint8Array): Bytes {
  if (useSeq === 0n) {
    return leafHash(new Uint8Array());
  }
  const label = utf8("volens/slot/1");
  return leafHash(concat(Uint8Array.of(label.length), label, name, uint64(useSeq), head));
}
