import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";

import { describe, expect, it } from "vitest";

import { Http } from "../api/http.ts";
import type { Member } from "../core/types.ts";
import { publicOf, readPem } from "../keys/pem.ts";
import { assertionSession, owner } from "./assertion.ts";

describe("an organisation's assertion", () => {
  it("is signed by the key of its key set and traded for a token", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwk = { ...publicKey.export({ format: "jwk" }), kid: "k1", use: "sig" };
    const pem = readPem(privateKey.export({ type: "pkcs8", format: "pem" }) as string);
    if (pem.kind !== "jwt") throw new Error("a key on P-256");
    const own = await publicOf(pem.alg, pem.der);
    const member = (id: string, jwks: string) => ({ id, jwks }) as Member;
    const list = [member("none", ""), member("broken", "{"), member("city", JSON.stringify({ keys: [{ kty: "EC", kid: "k0" }, jwk] }))];
    const found = owner(list, own);
    expect(found).toEqual({ member: list[2], kid: "k1" });
    expect(owner(list.slice(0, 2), own)).toBeUndefined();

    const sent: { url: string; init: RequestInit }[] = [];
    const http = new Http("https://volens.example", (url, init = {}) => {
      sent.push({ url: url as string, init });
      return Promise.resolve(Response.json((url as string).endsWith("/token") ? { access_token: "t", expires_in: 300 } : { roles: ["custodian"], member: "city" }));
    });
    const session = await assertionSession(http, 1_790_000_000_000, (b) => b.fill(7), { member: "city", kid: "k1", alg: pem.alg, der: pem.der });
    expect(session).toEqual({ roles: ["custodian"], member: "city", accessToken: "t", expiresIn: 300 });
    const form = sent[0]?.init.body as URLSearchParams;
    expect(form.get("grant_type")).toBe("client_credentials");
    const [head = "", body = "", signature = ""] = (form.get("client_assertion") ?? "").split(".");
    const json = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString()) as unknown;
    expect(json(head)).toEqual({ alg: "ES256", typ: "JWT", kid: "k1" });
    expect(json(body)).toEqual({ iss: "city", sub: "city", aud: "https://volens.example/oauth2/token", jti: "07".repeat(16), iat: 1_790_000_000, exp: 1_790_000_240 });
    const key = createPublicKey({ key: jwk, format: "jwk" });
    expect(verify("sha256", Buffer.from(`${head}.${body}`), { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"))).toBe(true);
    expect(new Headers(sent[1]?.init.headers).get("Authorization")).toBe("Bearer t");
  });
});
