/** Base45 (RFC 9285): three characters for two bytes, least significant first, two for a last one. */
import type { Bytes } from "../core/bytes.ts";
import { Unreadable } from "./certificate.ts";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/** fromBase45 decodes to the letter. */
export function fromBase45(text: string): Bytes {
  const out: number[] = [];
  for (let at = 0; at < text.length; at += 3) {
    const part = text.slice(at, at + 3);
    let n = 0;
    for (let i = part.length - 1; i >= 0; i--) {
      const v = ALPHABET.indexOf(part.charAt(i));
      if (v < 0) {
        throw new Unreadable("the text is not Base45 (RFC 9285)");
      }
      n = n * 45 + v;
    }
    if (part.length === 3 && n <= 0xffff) {
      out.push(n >> 8, n & 0xff);
    } else if (part.length === 2 && n <= 0xff) {
      out.push(n);
    } else {
      throw new Unreadable("the text is not Base45 (RFC 9285)");
    }
  }
  return Uint8Array.from(out);
}
