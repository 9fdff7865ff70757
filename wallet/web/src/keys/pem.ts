/**
 * Organisations' keys in PKCS #8 PEM (RFC 5958, RFC 7468), as openssl writes them. A key on secp256k1 signs in as a wallet does;
 * one on P-256 or P-384 and RSA sign client assertions (private_key_jwt) with the browser's own WebCrypto.
 */
import { sha256 } from "@noble/hashes/sha2.js";

import { fail } from "../api/error.ts";
import { fromBase64, toBase64Url, toHex, utf8 } from "../core/bytes.ts";

/** An algorithm of RFC 7518 that the gateway takes. */
export type Alg = "ES256" | "ES384" | "RS384";

/** What a PEM file holds. */
export type PemKey = { kind: "secp256k1"; key: Uint8Array } | { kind: "jwt"; alg: Alg; der: Uint8Array };

const RSA = "2a864886f70d010101";
const EC = "2a8648ce3d0201";
const curves: Record<string, Alg | "secp256k1"> = { "2a8648ce3d030107": "ES256", "2b81040022": "ES384", "2b8104000a": "secp256k1" };

const no = (why: string): never => fail("key", why);

/** How WebCrypto names the algorithms. */
export const algorithms: Record<Alg, { read: EcKeyImportParams | RsaHashedImportParams; sign: EcdsaParams | AlgorithmIdentifier }> = {
  ES256: { read: { name: "ECDSA", namedCurve: "P-256" }, sign: { name: "ECDSA", hash: "SHA-256" } },
  ES384: { read: { name: "ECDSA", namedCurve: "P-384" }, sign: { name: "ECDSA", hash: "SHA-384" } },
  RS384: { read: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" }, sign: { name: "RSASSA-PKCS1-v1_5" } },
};

/** What is public of a key, by RFC 7518. */
export type Public = { kty?: string; crv?: string; x?: string; y?: string; n?: string; e?: string };

export const publicFields = ["kty", "crv", "x", "y", "n", "e"] as const;

/** publicOf is what a key set would say of a private key; "key" when it is none. */
export async function publicOf(alg: Alg, der: Uint8Array): Promise<Public> {
  try {
    const key = await crypto.subtle.importKey("pkcs8", der as Uint8Array<ArrayBuffer>, algorithms[alg].read, true, ["sign"]);
    const jwk = await crypto.subtle.exportKey("jwk", key);
    return Object.fromEntries(publicFields.filter((f) => jwk[f] !== undefined).map((f) => [f, jwk[f]]));
  } catch {
    return fail("key", "the browser cannot read this key");
  }
}

/** thumbprint names a key (RFC 7638). */
export const thumbprint = (key: Public): string => {
  const members = Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1));
  return toBase64Url(sha256(utf8(JSON.stringify(Object.fromEntries(members)))));
};

/** isPem tells PEM from other texts. */
export const isPem = (text: string): boolean => text.includes("-----BEGIN ");

/** readPem reads a private key; "key" for anything else, an encrypted one among it. */
export function readPem(text: string): PemKey {
  const match = /^\s*-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*$/.exec(text);
  if (match === null) {
    return no(text.includes("ENCRYPTED") ? "the key is encrypted: decrypt it first" : "not one private key in PKCS #8 PEM");
  }
  const der = decode(match[1] ?? "");
  const top = new Der(der).sequence();
  top.integer(0);
  const algorithm = top.sequence();
  const type = toHex(algorithm.take(OID));
  if (type === RSA) {
    return { kind: "jwt", alg: "RS384", der };
  }
  const curve = type === EC ? curves[toHex(algorithm.take(OID))] : undefined;
  if (curve === undefined) {
    return no("a key is on P-256, P-384 or secp256k1, or RSA");
  }
  if (curve !== "secp256k1") {
    return { kind: "jwt", alg: curve, der };
  }
  const inner = new Der(top.take(OCTETS)).sequence(); // RFC 5915
  inner.integer(1);
  const key = inner.take(OCTETS);
  return key.length === 32 ? { kind: "secp256k1", key } : no("a key on secp256k1 has 32 bytes");
}

function decode(text: string): Uint8Array {
  try {
    return fromBase64(text.replace(/\s/g, ""));
  } catch {
    return no("not base64");
  }
}

const INTEGER = 0x02;
const OCTETS = 0x04;
const OID = 0x06;
const SEQUENCE = 0x30;

/** Der reads distinguished encoding, as much of it as keys need. */
class Der {
  private at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  take(tag: number): Uint8Array {
    if (this.bytes[this.at] !== tag) {
      no("not the key of its kind");
    }
    let length = this.bytes[this.at + 1] ?? 0;
    let from = this.at + 2;
    if (length >= 0x80) {
      const digits = length - 0x80;
      if (digits < 1 || digits > 2) {
        no("a length of no key");
      }
      length = this.bytes.subarray(from, from + digits).reduce((n, b) => n * 256 + b, 0);
      from += digits;
    }
    if (from + length > this.bytes.length) {
      no("the key is cut off");
    }
    this.at = from + length;
    return this.bytes.subarray(from, this.at);
  }

  sequence(): Der {
    return new Der(this.take(SEQUENCE));
  }

  integer(want: number): void {
    const value = this.take(INTEGER);
    if (value.length !== 1 || value[0] !== want) {
      no(`version ${toHex(value)}`);
    }
  }
}
