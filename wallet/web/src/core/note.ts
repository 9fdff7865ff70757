/** Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint), with Ed25519 as everything here uses. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { concat, equal, fromBase64, fromUtf8, isUnicode, toHex, utf8 } from "./bytes.ts";
import { Refused } from "./error.ts";
import type { Hash } from "./types.ts";

const ALGORITHM = 1;
const MAX_NOTE = 1_000_000;
const MAX_SIGNATURES = 100;
// eslint-disable-next-line no-control-regex -- the C2SP rule is about these
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/** A key that notes are checked with. */
export interface Verifier {
  name: string;
  id: Uint8Array;
  key: Uint8Array;
}

function refuse(why: string): never {
  throw new Refused("proof", why);
}

function strict<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    return refuse(`${what}: ${error instanceof Error ? error.message : "not readable"}`);
  }
}

function isName(name: string): boolean {
  return name !== "" && isUnicode(name) && !/[\s\p{White_Space}+]/u.test(name);
}

/** parseVerifier reads name+hash+base64(algorithm ‖ key). */
export function parseVerifier(text: string): Verifier {
  const [name = "", hash = "", ...rest] = text.split("+");
  const raw = strict("verifier key", () => fromBase64(rest.join("+")));
  if (!isName(name) || !/^[0-9a-f]{8}$/.test(hash) || raw[0] !== ALGORITHM || raw.length !== 33) {
    refuse("not a verifier key of Ed25519");
  }
  const id = sha256(concat(utf8(`${name}\n`), raw)).subarray(0, 4);
  if (toHex(id) !== hash) {
    refuse("a verifier key has another hash");
  }
  return { name, id, key: raw.subarray(1) };
}

/** openNote returns a note's text once a known key has signed it. Signatures by others are not looked at; a wrong one by a known key refuses all. */
export function openNote(note: string, verifiers: readonly Verifier[]): string {
  if (note.length > MAX_NOTE || !isUnicode(note) || CONTROL.test(note)) {
    refuse("not a note");
  }
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) {
    refuse("not a note");
  }
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2).split("\n").slice(0, -1);
  if (lines.length === 0 || lines.length > MAX_SIGNATURES) {
    refuse("a note has 1 to 100 signatures");
  }
  const seen = new Set<string>();
  for (const line of lines) {
    const by = checkLine(line, text, verifiers, seen);
    if (by !== undefined) {
      seen.add(by);
    }
  }
  if (seen.size === 0) {
    refuse("no known key has signed");
  }
  return text;
}

function checkLine(line: string, text: string, verifiers: readonly Verifier[], seen: ReadonlySet<string>): string | undefined {
  const parts = /^— ([^ ]+) ([^ ]+)$/.exec(line);
  const name = parts?.[1] ?? "";
  const raw = strict("signature line", () => fromBase64(parts?.[2] ?? "!"));
  if (!isName(name) || raw.length < 5) {
    refuse("not a signature line");
  }
  const key = verifiers.find((v) => v.name === name && equal(v.id, raw.subarray(0, 4)));
  if (key === undefined) {
    return undefined;
  }
  const label = `${name}+${toHex(key.id)}`;
  if (!seen.has(label) && (raw.length !== 68 || !ed25519.verify(raw.subarray(4), utf8(text), key.key, { zip215: false }))) {
    refuse(`the signature of ${name} is wrong`);
  }
  return label;
}

/** What a log has signed. lines are the extension lines. */
export interface Checkpoint {
  origin: string;
  size: bigint;
  root: Uint8Array;
  extensions: string[];
}

/** openCheckpoint opens a note and reads it as a checkpoint. */
export function openCheckpoint(note: string, verifier: Verifier): Checkpoint {
  const [origin = "", size = "", root = "", ...rest] = openNote(note, [verifier]).slice(0, -1).split("\n");
  return { origin, size: parseSize(size), root: parseRoot(root), extensions: rest };
}

/** parseSize reads a tree size in its one spelling. */
export function parseSize(text: string): bigint {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) > 0x7fffffffffffffffn) {
    refuse("not a size");
  }
  return BigInt(text);
}

/** parseRoot reads a root hash. */
export function parseRoot(text: string): Uint8Array {
  const root = strict("root", () => fromBase64(text));
  return root.length === 32 ? root : refuse("a root has 32 bytes");
}

/** openLedgerCheckpoint opens a checkpoint of the ledger with this id. */
export function openLedgerCheckpoint(note: string, verifier: Verifier, ledger: Hash): Checkpoint {
  const cp = openCheckpoint(note, verifier);
  return cp.origin === `volens/ledger/${ledger}` ? cp : refuse("a checkpoint of another log");
}

/** openNoteBytes is openNote for bytes that must be UTF-8. */
export function noteOf(bytes: Uint8Array): string {
  return strict("note", () => fromUtf8(bytes));
}
