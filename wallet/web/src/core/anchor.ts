/**
 * The anchor of a use log: its root, which the custodian put on the ledger, where everybody sees the same. The twin of
 * Log.CheckAnchor in gateway/uses/proof and of wallet/online, held to the same vectors.
 */
import { fromHex } from "./bytes.ts";
import { decode } from "./canonical.ts";
import { Refused } from "./error.ts";
import { checkReceipt, type Leaf, type PinnedLedger } from "./leaf.ts";
import { checkConsistency } from "./merkle.ts";
import { CODES } from "./schema.ts";
import type { Fault } from "./statement.ts";
import type { Hash, MemberID, Millis, Receipt, Uint64 } from "./types.ts";

/** What a ledger says of a use log. */
export interface Anchored {
  origin: string;
  size: Uint64;
  root: Hash;
  time: Millis;
}

/** A gateway's answer: no receipt where nothing was ever anchored. consistency (RFC 6962) leads from the smaller log to the larger one. */
export interface AnchorProof {
  receipt?: Receipt;
  consistency: Hash[];
}

/** Whose anchor it has to be: the log of this origin, of this custodian, on this ledger. */
export interface AnchorOf {
  pinned: PinnedLedger;
  custodian: MemberID;
  origin: string;
}

/** checkAnchor says what the newest anchor of a log proves, undefined for none, or what is wrong with it. shown is the log as the person was shown it, had the size of the newest anchor seen before: the ledger keeps it. */
export function checkAnchor(of: AnchorOf, shown: { size: Uint64; root: Hash }, had: Uint64, answer: AnchorProof): { at?: Anchored; fault?: Fault } {
  try {
    const at = answer.receipt === undefined ? undefined : read(of, checkReceipt(of.pinned, undefined, answer.receipt));
    const fault = at === undefined ? undefined : parted(at, shown, answer.consistency);
    if (fault !== undefined) {
      return { fault };
    }
    if (BigInt(at?.size ?? "0") < BigInt(had)) {
      return { fault: { kind: "rollback", why: `the ledger had an anchor of ${had} uses, now the newest is of ${at?.size ?? "0"}` } };
    }
    return at === undefined ? {} : { at };
  } catch (error) {
    return { fault: { kind: "proof", why: error instanceof Error ? error.message : "not readable" } }; // whatever is wrong, the answer is
  }
}

function read(of: AnchorOf, leaf: Leaf): Anchored {
  const [write, more] = leaf.writes;
  if (leaf.type !== CODES["Anchor"] || write === undefined || more !== undefined || write.key !== `anchor/${of.custodian}`) {
    throw new Refused("proof", `the leaf is no anchor of ${of.custodian}`);
  }
  const at = decode("Anchored", write.value) as unknown as Anchored;
  if (at.origin !== of.origin) {
    throw new Refused("proof", "the anchor is of another log");
  }
  return at;
}

/** parted says whether the anchored log and the one that is shown are two histories. */
function parted(at: Anchored, shown: { size: Uint64; root: Hash }, proof: readonly Hash[]): Fault | undefined {
  const [small, large] = BigInt(at.size) <= BigInt(shown.size) ? [at, shown] : [shown, at];
  if (small.size === "0") {
    return undefined; // every log begins with none
  }
  const path = proof.map(fromHex);
  try {
    checkConsistency(path, BigInt(large.size), fromHex(large.root), BigInt(small.size), fromHex(small.root));
    return undefined;
  } catch (error) {
    if (error instanceof Refused) {
      return { kind: "fork", why: `the log of ${shown.size} uses is not the one that is anchored with ${at.size} uses: two histories` };
    }
    throw error;
  }
}
