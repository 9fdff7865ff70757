/**
 * Health documents that people carry, read and judged here: the twin of package wallet/document in Go, with the same rules,
 * (a) to (h). What cannot be decoded is Unreadable; what decodes comes with its problems, and is true only without any.
 */

import type { Bytes } from "../core/bytes.ts";

/** Unreadable says that a text is no health document. */
export class Unreadable extends Error {}

/** Codes of problems: gone, or never so. */
export type ProblemCode = "unknown-key" | "signature" | "issuer" | "not-yet-valid" | "expired" | "key-usage" | "schema" | "revoked";

export interface Problem {
  code: ProblemCode;
  /** English, for details on demand. */
  text: string;
}

/** One thing that a document states, cut down to a line. */
export interface Fact {
  /** vaccination, test, recovery; or the FHIR resource type. */
  kind: string;
  date: string;
  code: string;
  text: string;
}

/** What was read. Instants are millis, 0 for none. */
export interface Certificate {
  kind: "hcert" | "smart-health-card";
  issuer: string;
  key: string;
  issued: number;
  expires: number;
  person: { family: string; given: string; born: string };
  facts: Fact[];
  problems: Problem[];
  content: unknown;
}

/** object notes a reason not to believe a document. */
export function object(d: Certificate, code: ProblemCode, text: string): void {
  d.problems.push({ code, text });
}

/** within judges rule (e): now is not before the issue and not after the end. */
export function within(d: Certificate, now: number): void {
  if (now < d.issued) {
    object(d, "not-yet-valid", "it is issued for a time that has not come");
  }
  if (d.expires !== 0 && (now > d.expires || d.expires < d.issued)) {
    object(d, "expired", "it has ended");
  }
}

/** The largest text, and the most that one unpacks to. */
export const MOST = 1 << 20;

/** unpack inflates to at most MOST bytes: zlib (RFC 1950) or raw DEFLATE (RFC 1951). */
export async function unpack(packed: Bytes, format: "deflate" | "deflate-raw"): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream(format)).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        break;
      }
      size += value.length;
      if (size > MOST) {
        await reader.cancel();
        throw new Unreadable("it is too large");
      }
      parts.push(value);
    }
  } catch (error) {
    throw error instanceof Unreadable ? error : new Unreadable("it cannot be unpacked");
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** member is a member of something that may be no object. */
export function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** textIn is a member that is a text, "" when there is none; Unreadable when it is something else. */
export function textIn(value: unknown, name: string): string {
  const v = member(value, name) ?? "";
  if (typeof v !== "string") {
    throw new Unreadable(`${name} is no text`);
  }
  return v;
}

/** listIn is a member that is a list, empty when there is none. */
export function listIn(value: unknown, name: string): unknown[] {
  const v = member(value, name) ?? [];
  if (!Array.isArray(v)) {
    throw new Unreadable(`${name} is no list`);
  }
  return v as unknown[];
}
