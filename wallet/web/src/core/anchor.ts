/**
 * The anchor of a use log: its root, which the custodian put on the ledger, where everybody sees the same. The twin of
 * Log.CheckAnchor in gateway/uses/proof and of wallet/online, held to the same vectors.
 */
import { fromHex, toHex } from "./bytes.ts";
import { decode } from "./canonical.ts";
import { Refused } from "./error.ts";
import type { SeenLog } from "./grown.ts";
import { type Leaf, openReceipt, type PinnedLedger } from "./leaf.ts";
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

/** A gateway's answer: no receipt where nothing was ever anchored. Each consistency (RFC 6962) leads from the smaller log to the larger one: of the uses, and from the ledger that was seen to that of the receipt. */
export interface AnchorProof {
  receipt?: Receipt;
  consistency: Hash[];
  ledgerConsistency?: Hash[];
}

/** Whose anchor it has to be: the log of this origin, of this custodian, on this ledger. */
export interface AnchorOf {
  pinned: PinnedLedger;
  custodian: MemberID;
  origin: string;
}

/** What an answer proves. behind: the log has more uses than were shown, so the list has to be asked for again. ledger is the ledger that the anchor is on, which is the one that was seen. */
export interface AnchorFound {
  at?: Anchored;
  behind?: true;
  ledger?: { size: Uint64; root: Hash; note: string };
  fault?: Fault;
}

/** checkAnchor says what the newest anchor of a log proves, nothing for none, or what is wrong with it. shown is the log as the person was shown it, had the size of the newest anchor seen before: the ledger keeps it. */
export function checkAnchor(of: AnchorOf, shown: { size: Uint64; root: Hash }, had: Uint64, answer: AnchorProof): AnchorFound {
  try {
    const fault = shorter(shown, had);
    return fault === undefined ? found(of, shown, had, answer) : { fault };
  } catch (error) {
    return { fault: { kind: "proof", why: error instanceof Error ? error.message : "not readable" } }; // whatever is wrong, the answer is
  }
}

/** shorter says whether the log that is shown lacks uses that were anchored before it was asked for. */
export function shorter(shown: { size: Uint64 }, had: Uint64): Fault | undefined {
  return BigInt(shown.size) < BigInt(had)
    ? { kind: "rollback", why: `the ledger had an anchor of ${had} uses, the log shows ${shown.size}: the newest are hidden` }
    : undefined;
}

function found(of: AnchorOf, shown: { size: Uint64; root: Hash }, had: Uint64, answer: AnchorProof): AnchorFound {
  const out: AnchorFound = {};
  if (answer.receipt !== undefined) {
    const { leaf, ledger, note } = openReceipt(of.pinned, undefined, answer.receipt);
    out.at = read(of, leaf);
    out.ledger = { size: String(ledger.size), root: toHex(ledger.root), note };
    const fault = parted(out.at, shown, answer.consistency) ?? another(out.ledger, of.pinned.mark, answer.ledgerConsistency ?? []);
    if (fault !== undefined) {
      return { fault };
    }
  }
  const size = out.at?.size ?? "0";
  if (BigInt(size) < BigInt(had)) {
    return { fault: { kind: "rollback", why: `the ledger had an anchor of ${had} uses, now the newest is of ${size}` } };
  }
  return BigInt(size) > BigInt(shown.size) ? { ...out, behind: true } : out;
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
  return oneLog(at, shown, proof) ? undefined : { kind: "fork", why: `the log of ${shown.size} uses is not the one that is anchored with ${at.size} uses: two histories` };
}

/** another says whether the ledger that an anchor is on is another one than was seen. */
function another(ledger: SeenLog, seen: SeenLog | undefined, proof: readonly Hash[]): Fault | undefined {
  return seen === undefined || oneLog(ledger, seen, proof)
    ? undefined
    : { kind: "fork", why: `the anchor is on a ledger of ${ledger.size} entries that is not the one of ${seen.size} that this device saw: two histories` };
}

/** oneLog says whether the smaller of two states of a log is a prefix of the other one. */
function oneLog(a: SeenLog, b: SeenLog, proof: readonly Hash[]): boolean {
  const [small, large] = BigInt(a.size) <= BigInt(b.size) ? [a, b] : [b, a];
  if (small.size === "0") {
    return true; // every log begins with none
  }
  const path = proof.map(fromHex);
  try {
    checkConsistency(path, BigInt(large.size), fromHex(large.root), BigInt(small.size), fromHex(small.root));
    return true;
  } catch (error) {
    if (error instanceof Refused) {
      return false;
    }
    throw error;
  }
}
