/** Bytes and their texts. Every text form has one spelling; any other is refused. */
import { sha256 } from "@noble/hashes/sha2.js";

import { malformed } from "./error.ts";

const LOWER_HEX = /^(?:[0-9a-f]{2})*$/;

export type Bytes = Uint8Array<ArrayBuffer>;

/** fromHex reads lower-case hex digits. */
export function fromHex(text: string): Bytes {
  if (!LOWER_HEX.test(text)) {
    malformed("not lower-case hex digits");
  }
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) {
    out[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  }
  return out;
}

export function toHex(bytes: Uint8Array): string {
  let out = "";
  for (const b of bytes) {
    out += b.toString(16).padStart(2, "0");
  }
  return out;
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** uint64 is n in 8 bytes, big-endian, two's complement. */
export function uint64(n: bigint): Bytes {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt.asUintN(64, n));
  return out;
}

export function uint32(n: number): Bytes {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, n);
  return out;
}

/** isUnicode says whether a text has no half of a surrogate pair. */
export function isUnicode(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** utf8 refuses what has no UTF-8: an encoder would put U+FFFD in its place, so that several texts become one. */
export function utf8(text: string): Bytes {
  if (!isUnicode(text)) {
    malformed("a text is not Unicode");
  }
  return new TextEncoder().encode(text);
}

/** fromUtf8 is strict. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return malformed("a text is not UTF-8");
  }
}

/** fromBase64 reads standard base64 with padding, in its one spelling. */
export function fromBase64(text: string): Bytes {
  let raw: string;
  try {
    raw = atob(text);
  } catch {
    return malformed("not base64");
  }
  const out = Uint8Array.from(raw, (c) => c.charCodeAt(0));
  if (toBase64(out) !== text) {
    malformed("not base64 in its one spelling");
  }
  return out;
}

export function toBase64(bytes: Uint8Array): string {
  let raw = "";
  for (const b of bytes) {
    raw += String.fromCharCode(b);
  }
  return btoa(raw);
}

/** fromBase64Url reads base64url without padding, in its one spelling. */
export function fromBase64Url(text: string): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) {
    malformed("not base64url");
  }
  const plain = text.replaceAll("-", "+").replaceAll("_", "/");
  return fromBase64(plain.padEnd(Math.ceil(plain.length / 4) * 4, "="));
}

export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** labelled is SHA-256(length of label in one byte ‖ label ‖ parts): a commitment of one sort opens as no other. */
export function labelled(label: string, ...parts: readonly Uint8Array[]): Bytes {
  const name = utf8(label);
  return sha256(concat(Uint8Array.of(name.length), name, ...parts));
}
