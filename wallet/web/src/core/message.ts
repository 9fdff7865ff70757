/** Messages: their JSON form, canonical bytes, commitment, digest, form and signers. See chaincode/FORMAT.md. */
import { sha256 } from "@noble/hashes/sha2.js";

import { type Bytes, concat, fromHex, labelled, toHex, uint32, utf8 } from "./bytes.ts";
import { encode, Reader } from "./canonical.ts";
import { Refused, malformed } from "./error.ts";
import { checkMessageForm } from "./form.ts";
import { parseStrict } from "./json.ts";
import { parseSignature, recover, sign } from "./key.ts";
import { BODIES, CODES, structOf } from "./schema.ts";
import { hashStruct, separator, typedDigest } from "./typed.ts";
import type { Address, Body, Guardians, Hash, Message, Openings, Signature, Value } from "./types.ts";

/** The largest message, in canonical bytes. */
export const MAX_MESSAGE = 65536;
export const ZERO_HASH: Hash = "0".repeat(64);
const VERSION = 1;

function codeOf(type: string): number {
  return (Object.hasOwn(CODES, type) ? CODES[type] : undefined) ?? malformed(`there is no message type ${type}`);
}

/** canonicalBody is type code ‖ version ‖ members. */
export function canonicalBody(type: string, body: Body): Bytes {
  return concat(Uint8Array.of(codeOf(type), VERSION), encode(type, body));
}

/** commitment names a message on the ledger without saying anything about it. */
export function commitment(type: string, body: Body): Hash {
  return toHex(sha256(concat(fromHex(body["salt"] as string), canonicalBody(type, body))));
}

/** digest is what the signers of a body sign on a ledger. A genesis is signed with the zero id. */
export function digest(ledger: Hash, type: string, body: Body): Bytes {
  return typedDigest(separator(type === "Init" ? ZERO_HASH : ledger), hashStruct(type, body));
}

/** ledgerId is the id that a genesis gives its ledger; it keeps it wherever it moves. */
export function ledgerId(genesis: Message): Hash {
  return commitment("Init", genesis.body);
}

/** signBody signs a body with each key. */
export function signBody(ledger: Hash, type: string, body: Body, ...keys: Uint8Array[]): Signature[] {
  const d = digest(ledger, type, body);
  return keys.map((key) => sign(key, d));
}

/** marshal is the canonical bytes of a whole message. */
export function marshal(m: Message): Bytes {
  const body = canonicalBody(m.type, m.body);
  const sigs = m.sigs.map((s) => parseSignature(s));
  return concat(uint32(body.length), body, encode("Openings", m.openings), uint32(sigs.length), ...sigs);
}

/** unmarshal reads what marshal wrote. */
export function unmarshal(bytes: Uint8Array): Message {
  if (bytes.length > MAX_MESSAGE) {
    throw new Refused("too-large", "a message has at most 65536 bytes");
  }
  const whole = new Reader(bytes);
  const inner = new Reader(whole.take(whole.uint32()));
  const code = inner.byte();
  if (inner.byte() !== VERSION) {
    malformed("unknown message version");
  }
  const type = Object.keys(CODES).find((name) => CODES[name] === code) ?? malformed(`there is no message type ${code}`);
  const body = inner.value(type) as Body;
  inner.end();
  const openings = whole.value("Openings") as Openings;
  const sigs: Signature[] = [];
  for (let n = whole.uint32(); n > 0; n--) {
    sigs.push(`0x${toHex(whole.take(65))}`);
  }
  whole.end();
  return { type, body, openings, sigs };
}

/** parseMessage reads the JSON form from its text. */
export function parseMessage(text: string): Message {
  return messageOf(parseStrict(text));
}

/** messageOf checks that a value is a message in the one form. */
export function messageOf(value: Value): Message {
  const top = members(value, ["type", "body", "openings", "sigs"], []);
  const type = top["type"];
  if (typeof type !== "string" || !Object.hasOwn(BODIES, type)) {
    return malformed("there is no such message type");
  }
  const body = shaped(type, top["body"]) as Body;
  const openings = shaped("Openings", top["openings"]) as Openings;
  const sigs = top["sigs"];
  if (!Array.isArray(sigs)) {
    return malformed("signatures are a list");
  }
  for (const s of sigs) {
    if (typeof s !== "string") {
      return malformed("a signature is a text");
    }
    parseSignature(s);
  }
  return { type, body, openings, sigs: sigs as string[] };
}

function members(value: Value | undefined, needed: readonly string[], optional: readonly string[]): Record<string, Value> {
  if (typeof value !== "object" || Array.isArray(value)) {
    return malformed("not an object");
  }
  const names = Object.keys(value);
  if (needed.some((n) => !Object.hasOwn(value, n)) || names.some((n) => !needed.includes(n) && !optional.includes(n))) {
    malformed("a member is unknown, missing or of the wrong type");
  }
  return value;
}

const FORMS: Readonly<Record<string, RegExp>> = {
  bytes16: /^[0-9a-f]{32}$/,
  bytes32: /^[0-9a-f]{64}$/,
  address: /^0x[0-9a-f]{40}$/,
  uint64: /^(0|[1-9][0-9]{0,18})$/,
  int64: /^(0|-?[1-9][0-9]{0,18})$/,
};

/** shaped checks that a value is of a type, in its one form, and returns it. */
export function shaped(type: string, value: Value | undefined): Value {
  if (type.endsWith("[]")) {
    if (!Array.isArray(value)) {
      return malformed("not a list");
    }
    return value.map((one) => shaped(type.slice(0, -2), one));
  }
  if (type === "bool") {
    return typeof value === "boolean" ? value : malformed("not true or false");
  }
  if (type === "string") {
    return typeof value === "string" ? value : malformed("not a text");
  }
  const form = FORMS[type];
  if (form !== undefined) {
    if (typeof value !== "string" || !form.test(value) || !inRange(type, value)) {
      return malformed(`not a ${type}`);
    }
    return value;
  }
  return shapedStruct(type, value);
}

function shapedStruct(type: string, value: Value | undefined): Value {
  const struct = structOf(type);
  const optional = struct.filter((m) => m.type.endsWith("?")).map((m) => m.name);
  const fields = members(value, struct.map((m) => m.name).filter((n) => !optional.includes(n)), optional);
  const out: Record<string, Value> = {};
  for (const m of struct) {
    const field = fields[m.name];
    if (field !== undefined) {
      out[m.name] = shaped(m.type.replace("?", ""), field);
    }
  }
  return out;
}

function inRange(type: string, text: string): boolean {
  if (type !== "uint64" && type !== "int64") {
    return true;
  }
  const n = BigInt(text);
  return n <= 0x7fffffffffffffffn && n >= -0x8000000000000000n;
}

/** verify checks the form of a message and returns its signers, all different. */
export function verify(ledger: Hash, m: Message): Address[] {
  if (m.sigs.length === 0) {
    throw new Refused("signature", "a message has at least one signature");
  }
  if (m.sigs.length > 16) {
    throw new Refused("too-large", "more than 16 signatures");
  }
  checkMessageForm(m);
  if (marshal(m).length > MAX_MESSAGE) {
    throw new Refused("too-large", "a message has at most 65536 bytes");
  }
  const d = digest(ledger, m.type, m.body);
  const signers: Address[] = [];
  for (const s of m.sigs) {
    const address = recover(d, s);
    if (signers.includes(address)) {
      throw new Refused("signature", "two signatures by one key");
    }
    signers.push(address);
  }
  return signers;
}

/** keyCommitment commits to a subject's signing key. */
export function keyCommitment(salt: Uint8Array, address: Address): Hash {
  return toHex(labelled("volens/key/1", salt, fromHex(address.slice(2))));
}

/** guardianCommitment commits to a guardian set. */
export function guardianCommitment(guardians: Guardians): Hash {
  return toHex(labelled("volens/guardians/1", encode("Guardians", guardians)));
}

/** codeSecret turns an enrolment code, as a person types it, into what a claim opens. */
export function codeSecret(code: string): Hash {
  const plain = code.replace(/[ -]/g, "").replace(/[a-z]/g, (c) => c.toUpperCase());
  return toHex(labelled("volens/code/1", utf8(plain)));
}

/** codeCommitment is what the ledger shows of it. */
export function codeCommitment(secret: Hash): Hash {
  return toHex(labelled("volens/code-commitment/1", fromHex(secret)));
}

/** textHash is the hash of the exact text that a person saw. */
export function textHash(text: string): Hash {
  return toHex(sha256(utf8(text)));
}
