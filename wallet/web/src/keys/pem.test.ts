import { generateKeyPairSync } from "node:crypto";

import { describe, expect, it } from "vitest";

import { toHex } from "../core/bytes.ts";
import { addressOf } from "../core/key.ts";
import { publicOf, readPem, thumbprint } from "./pem.ts";

const pem = (curve: string): { text: string; jwk: JsonWebKey } => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
  return { text: privateKey.export({ type: "pkcs8", format: "pem" }) as string, jwk: privateKey.export({ format: "jwk" }) };
};

describe("a key in PKCS #8", () => {
  it("on secp256k1 is a wallet's", () => {
    const { text, jwk } = pem("secp256k1");
    const read = readPem(text);
    expect(read.kind).toBe("secp256k1");
    const key = read.kind === "secp256k1" ? read.key : new Uint8Array();
    expect(toHex(key)).toBe(Buffer.from(jwk.d ?? "", "base64url").toString("hex"));
    expect(addressOf(key)).toMatch(/^0x/);
  });

  it.each([["P-256", "ES256"], ["P-384", "ES384"]])("on %s signs assertions", async (curve, alg) => {
    const { text, jwk } = pem(curve);
    const read = readPem(text);
    expect(read).toMatchObject({ kind: "jwt", alg });
    const own = read.kind === "jwt" ? await publicOf(read.alg, read.der) : {};
    expect(own).toEqual({ kty: "EC", crv: curve, x: jwk.x, y: jwk.y });
  });

  it("of RSA signs assertions", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const read = readPem(privateKey.export({ type: "pkcs8", format: "pem" }) as string);
    expect(read).toMatchObject({ kind: "jwt", alg: "RS384" });
    const own = read.kind === "jwt" ? await publicOf(read.alg, read.der) : {};
    expect(own).toMatchObject({ kty: "RSA", e: "AQAB", n: expect.any(String) as string });
  });

  it("has the thumbprint of RFC 7638, section 3.1", () => {
    const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    expect(thumbprint({ kty: "RSA", n, e: "AQAB" })).toBe("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  });

  it("is refused when it is another, broken, encrypted or none", () => {
    const { text } = pem("secp256k1");
    const ed = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    const locked = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }) as string;
    const lines = text.trim().split("\n");
    const cut = [lines[0], lines[1]?.slice(0, 40), lines.at(-1)].join("\n");
    for (const bad of [ed, locked, cut, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", text + text, "-----BEGIN ", text.replace("PRIVATE", "EC PRIVATE")]) {
      expect(() => readPem(bad)).toThrow(expect.objectContaining({ code: "key" }) as Error);
    }
  });
});
