/** HCERT: the EU Digital COVID Certificate and WHO's certificates. A CWT (RFC 8392) in a COSE_Sign1 (RFC 9052), packed into a QR code's text. */
import { decode, encode } from "cborg";

import { type Bytes, toBase64 } from "../core/bytes.ts";
import { fromBase45 } from "./base45.ts";
import { type Certificate, member, object, textIn, unpack, Unreadable, within } from "./certificate.ts";
import type { Trust } from "./trust.ts";
import type { X509 } from "./x509.ts";

export const PREFIX = "HC1:";

const ALGORITHMS: Readonly<Record<number, "ECDSA" | "RSA-PSS">> = { [-7]: "ECDSA", [-37]: "RSA-PSS" };

/** inflated unpacks zlib; some issuers left the packing out, and the specification lets them. */
export async function inflated(packed: Bytes): Promise<Bytes> {
  if (packed[0] !== 0x78) {
    return packed;
  }
  const out = await unpack(packed, "deflate");
  const end = new DataView(packed.buffer, packed.byteOffset + packed.length - 4).getUint32(0);
  return end === adler(out) ? out : refuse("something stands behind it");
}

// RFC 1950: the checksum is the stream's last word. Where it is not, something stands behind the stream.
function adler(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}

function refuse(why: string): never {
  throw new Unreadable(why);
}

function cbor(bytes: Uint8Array, what: string): unknown {
  try {
    const tags = { 0: (d: () => unknown) => d(), 1: (d: () => unknown) => new Date(Number(d()) * 1000).toISOString() };
    return decode(bytes, { useMaps: true, rejectDuplicateMapKeys: true, tags });
  } catch {
    return refuse(`${what} is not readable`);
  }
}

interface Signed {
  protectedBytes: Bytes;
  headers: Map<unknown, unknown>;
  unprotected: Map<unknown, unknown>;
  payload: Bytes;
  signature: Bytes;
}

// The CWT tag may stand before that of COSE_Sign1, and both may be missing.
function envelope(bytes: Bytes): Signed {
  let at = bytes[0] === 0xd8 && bytes[1] === 61 ? 2 : 0;
  at += bytes[at] === 0xd2 ? 1 : 0;
  const parts = cbor(bytes.subarray(at), "the signature’s envelope");
  if (!Array.isArray(parts) || parts.length !== 4) {
    return refuse("the signature’s envelope has four parts");
  }
  const [protectedBytes, unprotected, payload, signature] = parts as unknown[];
  if (!isBytes(protectedBytes) || !isBytes(payload) || !isBytes(signature) || !(unprotected instanceof Map)) {
    return refuse("the signature’s envelope is another thing");
  }
  const headers = protectedBytes.length === 0 ? new Map() : cbor(protectedBytes, "the header");
  if (!(headers instanceof Map)) {
    return refuse("the header is no map");
  }
  return { protectedBytes, headers, unprotected, payload, signature };
}

const isBytes = (v: unknown): v is Bytes => v instanceof Uint8Array;

/** readHcert reads one and judges it; trust may know nobody. */
export async function readHcert(text: string, trust: Trust, now: number): Promise<Certificate> {
  return readCose(await inflated(fromBase45(text.slice(PREFIX.length))), trust, now);
}

async function readCose(bytes: Bytes, trust: Trust, now: number): Promise<Certificate> {
  const m = envelope(bytes);
  const claims = cbor(m.payload, "the certificate");
  const outer = claims instanceof Map ? (claims.get(-260) as unknown) : undefined;
  const inner = outer instanceof Map ? (outer.get(1) as unknown) : undefined;
  if (!(claims instanceof Map) || !(inner instanceof Map)) {
    return refuse("there is no certificate of a kind known here in it");
  }
  const content = plain(inner);
  // Rule (c): a kid in the protected header wins.
  const kid = [m.headers.get(4), m.unprotected.get(4)].find(isBytes) ?? new Uint8Array();
  const issuer: unknown = claims.get(1);
  const d: Certificate = {
    kind: "hcert", issuer: typeof issuer === "string" ? issuer : "", key: toBase64(kid), issued: seconds(claims.get(6)), expires: seconds(claims.get(4)),
    person: { family: "", given: "", born: "" }, facts: [], problems: [], content,
  };
  describe(d, content);
  await judge(d, m, trust.signers(kid));
  within(d, now);
  return d;
}

function seconds(v: unknown): number {
  if (v === undefined) {
    return 0;
  }
  return typeof v === "number" || typeof v === "bigint" ? Math.trunc(Number(v)) * 1000 : refuse("a date is none");
}

// Text keys where JSON has names.
function plain(v: unknown): unknown {
  if (v instanceof Map) {
    return Object.fromEntries([...(v as Map<unknown, unknown>)].map(([k, x]) => [typeof k === "string" ? k : refuse("a name is no text"), plain(x)]));
  }
  return Array.isArray(v) ? v.map(plain) : v;
}

/** judge applies rules (b), (c), (f), and (e) as to the certificate of the key. */
async function judge(d: Certificate, m: Signed, signers: readonly X509[]): Promise<void> {
  const algorithm = ALGORITHMS[Number(m.headers.get(1))];
  if (algorithm === undefined) {
    object(d, "signature", "it is signed by a method that is not allowed");
    return;
  }
  if (signers.length === 0) {
    object(d, "unknown-key", "its key is not on the trust list");
    return;
  }
  const signed = encode(["Signature1", m.protectedBytes, new Uint8Array(), m.payload]);
  for (const signer of signers) {
    if (await verifies(signer, algorithm, m.signature, signed.slice())) {
      if (d.issued < signer.notBefore || d.issued > signer.notAfter) {
        object(d, "expired", "it was signed outside the life of the key’s certificate");
      }
      if (!allowed(signer, d.facts[0]?.kind ?? "")) {
        object(d, "key-usage", "its key may not sign such a certificate");
      }
      return;
    }
  }
  object(d, "signature", "its signature is wrong: it was changed, or is false");
}

async function verifies(c: X509, name: "ECDSA" | "RSA-PSS", signature: Bytes, signed: Bytes): Promise<boolean> {
  if ((name === "ECDSA" ? "EC" : "RSA") !== c.algorithm) {
    return false;
  }
  try {
    const parameters = name === "ECDSA" ? { name, namedCurve: c.curve } : { name, hash: "SHA-256" };
    const key = await crypto.subtle.importKey("spki", c.key, parameters, false, ["verify"]);
    return await crypto.subtle.verify(name === "ECDSA" ? { name, hash: "SHA-256" } : { name, saltLength: 32 }, key, signature, signed);
  } catch {
    return false; // a key that cannot be used has signed nothing
  }
}

const KINDS = ["test", "vaccination", "recovery"];

/** allowed judges rule (f). The specification and the certificates in use differ in one arc of the identifiers. */
function allowed(c: X509, kind: string): boolean {
  const named = KINDS.filter((_, i) => c.usages.some((u) => u === `1.3.6.1.4.1.1847.2021.1.${i + 1}` || u === `1.3.6.1.4.1.0.1847.2021.1.${i + 1}`));
  return named.length === 0 || named.includes(kind);
}

/** What the schema (EU DCC 1.3) requires of each kind of statement, and what is shown of it. */
const STATEMENTS = [
  { kind: "vaccination", in: "v", required: ["tg", "vp", "mp", "ma", "dn", "sd", "dt", "co", "is", "ci"], date: "dt", code: "mp" },
  { kind: "test", in: "t", required: ["tg", "tt", "sc", "tr", "co", "is", "ci"], date: "sc", code: "tr" },
  { kind: "recovery", in: "r", required: ["tg", "fr", "co", "is", "df", "du", "ci"], date: "fr", code: "tg" },
] as const;

/** describe fills in what the certificate says, and judges rule (g). */
function describe(d: Certificate, content: unknown): void {
  const name = member(content, "nam");
  const standard = textIn(name, "fnt");
  d.person = { family: textIn(name, "fn") || standard, given: textIn(name, "gn"), born: textIn(content, "dob") };
  for (const s of STATEMENTS) {
    const list = member(content, s.in) ?? [];
    if (!Array.isArray(list) || list.some((e) => typeof e !== "object" || e === null)) {
      refuse("a statement is none");
    }
    for (const e of list as unknown[]) {
      const text = (k: string): string => (typeof member(e, k) === "string" ? (member(e, k) as string) : "");
      const dose = member(e, "dn");
      d.facts.push({ kind: s.kind, date: text(s.date), code: text(s.code), text: typeof dose === "number" ? `${dose}/${String(member(e, "sd"))}` : "" });
      const missing = s.required.find((k) => [undefined, null, ""].includes(member(e, k) as string));
      if (missing !== undefined) {
        object(d, "schema", `the ${s.kind} has no "${missing}"`);
      }
    }
  }
  if (d.facts.length !== 1) {
    object(d, "schema", `it has ${d.facts.length} statements; a certificate has one`);
  } else if (textIn(content, "ver") === "" || standard === "") {
    object(d, "schema", "its version or the person’s name is missing");
  }
}
