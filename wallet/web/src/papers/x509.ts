/** The five things that are read of an X.509 certificate (RFC 5280): validity, key, what the key is, and what it may be used for. */
import type { Bytes } from "../core/bytes.ts";
import { Unreadable } from "./certificate.ts";

export interface X509 {
  der: Bytes;
  notBefore: number;
  notAfter: number;
  /** SubjectPublicKeyInfo, as WebCrypto imports it. */
  key: Bytes;
  algorithm: "EC" | "RSA" | "other";
  /** Of an EC key, as WebCrypto names it; "" for none that it knows. */
  curve: string;
  /** Object identifiers of the extended key usage. */
  usages: string[];
}

interface Node {
  tag: number;
  /** With tag and length. */
  whole: Bytes;
  body: Bytes;
}

const SEQUENCE = 0x30;
const OID = 0x06;
const CURVES: Readonly<Record<string, string>> = { "1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521" };

function no(): never {
  throw new Unreadable("this is no certificate");
}

function nodes(bytes: Bytes): Node[] {
  const out: Node[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? no();
    let length = bytes[at + 1] ?? no();
    let head = 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 3) {
        no();
      }
      length = 0;
      for (let i = 0; i < count; i++) {
        length = length * 256 + (bytes[at + 2 + i] ?? no());
      }
      head += count;
    }
    const end = at + head + length;
    if (end > bytes.length) {
      no();
    }
    out.push({ tag, whole: bytes.slice(at, end), body: bytes.slice(at + head, end) });
    at = end;
  }
  return out;
}

function oidOf(n: Node | undefined): string {
  if (n?.tag !== OID) {
    return no();
  }
  const parts: number[] = [];
  let value = 0;
  for (const b of n.body) {
    value = value * 128 + (b & 0x7f);
    if (b < 0x80) {
      parts.push(value);
      value = 0;
    }
  }
  const first = parts[0] ?? no();
  const top = Math.min(Math.floor(first / 40), 2);
  return [top, first - 40 * top, ...parts.slice(1)].join(".");
}

function timeOf(n: Node | undefined): number {
  const text = new TextDecoder().decode(n?.body);
  const long = n?.tag === 0x18 ? text : `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}`;
  const m = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(long) ?? no();
  const [year = 0, month = 0, ...rest] = m.slice(1).map(Number);
  return Date.UTC(year, month - 1, ...rest);
}

/** parseX509 reads a DER certificate. */
export function parseX509(der: Bytes): X509 {
  const [certificate, more] = nodes(der);
  if (certificate?.tag !== SEQUENCE || more !== undefined) {
    return no();
  }
  const [tbs] = nodes(certificate.body);
  const fields = nodes(tbs?.body ?? no());
  const at = fields[0]?.tag === 0xa0 ? 1 : 0; // the version, when it is not 1
  const [notBefore, notAfter] = nodes(fields[at + 3]?.body ?? no());
  const key = fields[at + 5] ?? no();
  const [algorithm, curve] = nodes(nodes(key.body)[0]?.body ?? no());
  const kind = { "1.2.840.10045.2.1": "EC", "1.2.840.113549.1.1.1": "RSA" }[oidOf(algorithm)] as "EC" | "RSA" | undefined;
  return {
    der, notBefore: timeOf(notBefore), notAfter: timeOf(notAfter), key: key.whole, algorithm: kind ?? "other",
    curve: kind === "EC" ? (CURVES[oidOf(curve)] ?? "") : "", usages: usagesIn(fields.find((f) => f.tag === 0xa3)),
  };
}

function usagesIn(extensions: Node | undefined): string[] {
  const list = extensions === undefined ? [] : nodes(nodes(extensions.body)[0]?.body ?? no());
  for (const extension of list) {
    const parts = nodes(extension.body);
    if (oidOf(parts[0]) === "2.5.29.37") {
      const value = nodes(parts.at(-1)?.body ?? no())[0];
      return nodes(value?.body ?? no()).map(oidOf);
    }
  }
  return [];
}
