/**
 * Checks a use log's answer: that every use shown is on record, and that none is left out. The same checks as
 * gateway/uses/proof, plus a verdict on each entry, because a person wants to see which one is wrong.
 */
import { equal, fromHex, toHex } from "./bytes.ts";
import { Refused } from "./error.ts";
import { checkConsistency, checkInclusion } from "./merkle.ts";
import { type Checkpoint, openCheckpoint, parseRoot, parseSize, type Verifier } from "./note.ts";
import type { Entry, Handle, Hash, Statement, Uint64 } from "./types.ts";
import { MAX_SLOTS, pseudonym, slotLeafHash, subjectSalt, useLeafHash } from "./use.ts";

const ZERO = "0".repeat(64);

/** What a checker knows of a use log beforehand: its name and its key, pinned at enrolment. */
export interface UseLog {
  origin: string;
  verifier: Verifier;
}

/** What a wallet keeps of the last statement it has verified. */
export interface Seen {
  size: Uint64;
  root: Hash;
  useSeq: Uint64;
  head: Hash;
  subjectSalt: Hash;
}

/** NOTHING_SEEN is the state of a new wallet. */
export const NOTHING_SEEN: Seen = { size: "0", root: ZERO, useSeq: "0", head: ZERO, subjectSalt: ZERO };

interface UseCheckpoint extends Checkpoint {
  slots: bigint;
  slotsRoot: Uint8Array;
}

/** Why a statement fails as a whole, and how bad that is. */
export interface Fault {
  kind: "proof" | "fork" | "rollback";
  why: string;
}

/** What checking a statement found. next is there only when nothing failed. */
export interface Finding {
  next?: Seen;
  fault?: Fault;
  /** For each entry why it fails; undefined where it does not. */
  entries: (string | undefined)[];
}

function refuse(why: string): never {
  throw new Refused("proof", why);
}

/** openUseCheckpoint checks a checkpoint's origin and signature; it must have one line of slots and no other extension. */
export function openUseCheckpoint(log: UseLog, note: string): UseCheckpoint {
  const cp = openCheckpoint(note, log.verifier);
  if (cp.origin !== log.origin) {
    refuse("a checkpoint of another log");
  }
  const parts = /^slots ([^ ]+) ([^ ]+)$/.exec(cp.extensions[0] ?? "");
  if (cp.extensions.length !== 1 || parts === null) {
    refuse("a checkpoint without its line of slots");
  }
  const slots = parseSize(parts[1] ?? "");
  if (slots > MAX_SLOTS) {
    refuse(`${slots} slots`);
  }
  return { ...cp, slots, slotsRoot: parseRoot(parts[2] ?? "") };
}

class Fork extends Error {
  readonly kind: "fork" | "rollback";
  constructor(kind: "fork" | "rollback", why: string) {
    super(why);
    this.kind = kind;
  }
}

// A list that is empty may come as null from some writers of JSON.
type Written<T> = T | null | undefined;

function normal(s: Statement): Statement {
  const list = <T>(of: Written<T[]>): T[] => of ?? [];
  const entries = list<Entry>(s.entries).map((e) => ({ ...e, proof: list<Hash>(e.proof) }));
  return { ...s, consistency: list<Hash>(s.consistency), slotProof: list<Hash>(s.slotProof), entries };
}

/** checkStatement checks everything. handle and slot come from the wallet's own enrolment, never from the log. */
export function checkStatement(log: UseLog, seen: Seen, handle: Handle, slot: Uint64, statement: Statement): Finding {
  const s = normal(statement);
  const finding: Finding = { entries: s.entries.map(() => undefined) };
  const attempt = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      const why = error instanceof Error ? error.message : "not readable";
      finding.fault ??= { kind: error instanceof Fork ? error.kind : "proof", why };
    }
  };
  let cp: UseCheckpoint | undefined;
  attempt(() => {
    cp = openUseCheckpoint(log, s.checkpoint);
  });
  if (cp === undefined) {
    finding.entries = s.entries.map(() => "the checkpoint is not signed by the log");
    return finding;
  }
  const opened = cp;
  attempt(() => checkPlace(opened, seen, slot, s));
  finding.entries = s.entries.map((_, i) => verdict(opened, seen, handle, slot, s, i));
  const bad = finding.entries.find((why) => why !== undefined);
  if (bad !== undefined) {
    finding.fault ??= { kind: "proof", why: bad };
  }
  const next = { size: opened.size.toString(), root: toHex(opened.root), useSeq: s.useSeq, head: headOf(seen, slot, s), subjectSalt: s.subjectSalt };
  attempt(() => checkSlot(opened, handle, BigInt(slot), next, s));
  if (finding.fault === undefined) {
    finding.next = next;
  }
  return finding;
}

function headOf(seen: Seen, slot: Uint64, s: Statement): Hash {
  const newest = s.entries[0];
  try {
    return newest === undefined ? seen.head : toHex(useLeafHash(newest.use, BigInt(slot), s.subjectSalt, newest.prev));
  } catch {
    return ZERO;
  }
}

function checkPlace(cp: UseCheckpoint, seen: Seen, slot: Uint64, s: Statement): void {
  if (s.slot !== slot) {
    refuse(`the statement is of slot ${s.slot}, the ledger gave slot ${slot}`);
  }
  checkGrown(cp, seen, s);
  const had = BigInt(seen.useSeq);
  const has = BigInt(s.useSeq);
  if (has < had) {
    throw new Fork("rollback", `use ${had} was seen, the statement ends with use ${has}`);
  }
  if (BigInt(s.entries.length) !== has - had) {
    refuse(`${has - had} uses are promised, ${s.entries.length} are listed`);
  }
  if (has === 0n && s.subjectSalt !== ZERO) {
    refuse("a subject salt without a use");
  }
  if (had > 0n && s.subjectSalt !== seen.subjectSalt) {
    throw new Fork("fork", "the subject salt has changed");
  }
}

/** checkGrown says whether the log still holds all that it held when it was seen last. */
function checkGrown(cp: UseCheckpoint, seen: Seen, s: Statement): void {
  const had = BigInt(seen.size);
  if (s.since !== seen.size) {
    refuse(`the consistency proof starts at size ${s.since}, not at ${seen.size}`);
  }
  if (had > cp.size) {
    throw new Fork("rollback", `the log had ${had} uses and now has ${cp.size}`);
  }
  if (had === 0n) {
    if (s.consistency.length > 0) {
      refuse("a consistency proof without a start");
    }
    return;
  }
  try {
    checkConsistency(s.consistency.map(fromHex), cp.size, cp.root, had, fromHex(seen.root));
  } catch {
    throw new Fork("fork", `the log is not the one seen at size ${had}`);
  }
}

function verdict(cp: UseCheckpoint, seen: Seen, handle: Handle, slot: Uint64, s: Statement, i: number): string | undefined {
  try {
    checkEntry(cp, seen, handle, slot, s, i);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : "not readable";
  }
}

function checkEntry(cp: UseCheckpoint, seen: Seen, handle: Handle, slot: Uint64, s: Statement, i: number): void {
  const e = s.entries[i] ?? refuse("no such entry");
  const want = BigInt(s.useSeq) - BigInt(i);
  if (BigInt(e.use.useSeq) !== want) {
    refuse(`entry ${i} is use ${e.use.useSeq}, not ${want}`);
  }
  if (e.use.handle !== handle) {
    refuse(`use ${want} is of another handle`);
  }
  if (want === 1n && s.subjectSalt !== subjectSalt(e.use.salt)) {
    refuse("the subject salt is not that of use 1");
  }
  const leaf = useLeafHash(e.use, BigInt(slot), s.subjectSalt, e.prev);
  checkInclusion(e.proof.map(fromHex), cp.size, cp.root, BigInt(e.index), leaf);
  if (e.prev !== before(seen, slot, s, s.entries[i + 1])) {
    refuse(`use ${want} does not follow the use before it`);
  }
}

function before(seen: Seen, slot: Uint64, s: Statement, older: Entry | undefined): Hash {
  return older === undefined ? seen.head : toHex(useLeafHash(older.use, BigInt(slot), s.subjectSalt, older.prev));
}

/** checkSlot says whether the slot's leaf names the newest use: then none is left out. */
function checkSlot(cp: UseCheckpoint, handle: Handle, slot: bigint, next: Seen, s: Statement): void {
  if (slot >= cp.slots) {
    if (BigInt(s.useSeq) > 0n || s.slotProof.length > 0) {
      refuse(`slot ${slot} is beyond the ${cp.slots} slots in use`);
    }
    return;
  }
  const leaf = slotLeafHash(pseudonym(handle, s.subjectSalt), BigInt(s.useSeq), fromHex(next.head));
  try {
    checkInclusion(s.slotProof.map(fromHex), cp.slots, cp.slotsRoot, slot, leaf);
  } catch {
    refuse(`slot ${slot} does not end with use ${s.useSeq}: something is left out or changed`);
  }
}

/** sameSeen compares two states. */
export function sameSeen(a: Seen, b: Seen): boolean {
  return a.size === b.size && a.useSeq === b.useSeq && equal(fromHex(a.root), fromHex(b.root));
}
