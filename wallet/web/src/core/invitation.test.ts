import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { toBase64Url, utf8 } from "./bytes.ts";
import { Refused } from "./error.ts";
import { formatInvitation, type Invitation, parseInvitation } from "./invitation.ts";
import { parseStrict } from "./json.ts";
import { signInText } from "./siwe.ts";

const sample: Invitation = {
  server: "https://volens.example", handle: "647c2a125958f7c4a0d5c4dcdf35ca8f", code: "AB12-CD34", seq: "1", prev: "a".repeat(64),
  ledger: "b".repeat(64), genesis: "c".repeat(64), key: "volens+00000000+A&<b>", usesKey: "uses+11111111+B",
};

describe("invitations", () => {
  it("go round, with a code and without", () => {
    const { code: _, ...reminder } = sample;
    for (const v of [sample, reminder]) {
      expect(parseInvitation(` ${formatInvitation(v)}\n`)).toEqual(v);
    }
  });
  it("are refused in any other spelling", () => {
    const of = (json: string) => `volens1:${toBase64Url(utf8(json))}`;
    const json = `{"server":"x","handle":"${sample.handle}","seq":"1","prev":"${sample.prev}","ledger":"${sample.ledger}","genesis":"${sample.genesis}","key":"k","usesKey":"u"}`;
    expect(parseInvitation(of(json)).server).toBe("x");
    for (const bad of [
      "", "volens2:", json, of(`${json} `), of(json.replace('"x"', '"\\u0078"')), of(json.replace('"1"', "1")), of(json.replace('"1"', '"01"')),
      of(json.replace('"key":"k"', '"key":""')), of(json.replace("server", "Server")), of(json.replace("{", '{"more":"",')), of(json.replace(sample.handle, "0".repeat(32))),
      `${of(json)}=`, of(json.replace(',"usesKey":"u"', "")),
    ]) {
      expect(() => parseInvitation(bad), bad).toThrow(Refused);
    }
  });
});

describe("strict JSON", () => {
  it("agrees with JSON.parse on what it takes", () => {
    const tree = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof({ maxDepth: 3 }, fc.string(), fc.boolean(), fc.array(tie("value"), { maxLength: 3 }), fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie("value"))),
    })).value;
    fc.assert(
      fc.property(tree, fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(JSON.parse(JSON.stringify(parseStrict(text)))).toEqual(JSON.parse(text));
      }),
    );
  });
  it("never accepts what JSON.parse does not", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."{}[]\",:\\ tfrueals0a") }), (text) => {
        try {
          parseStrict(text);
        } catch {
          return;
        }
        JSON.parse(text);
      }),
      { numRuns: 500 },
    );
  });
});

describe("sign-in texts", () => {
  const p = {
    nonce: "0123456789abcdef", domain: "volens.example", uri: "https://volens.example/auth/sign-in", chainId: 130220932034163,
    statement: "Sign in to Volens.", issuedAt: "2026-01-01T00:00:00Z", expiresAt: "2026-01-01T00:05:00Z",
  };
  const address = `0x${"1".repeat(40)}`;

  it("are for the place that the app came from", () => {
    expect(signInText("https://volens.example", address, p)).toBe(
      `volens.example wants you to sign in with your Ethereum account:\n${address}\n\nSign in to Volens.\n\nURI: https://volens.example/auth/sign-in\nVersion: 1\nChain ID: 130220932034163\nNonce: 0123456789abcdef\nIssued At: 2026-01-01T00:00:00Z\nExpiration Time: 2026-01-01T00:05:00Z`,
    );
  });
  it.each([
    [{ domain: "evil.example" }], [{ uri: "https://evil.example/auth" }], [{ chainId: 1 }], [{ nonce: "x\nURI: y" }], [{ statement: "a\n\nURI: evil" }], [{ issuedAt: "now" }],
  ])("are refused with %j", (change) => {
    expect(() => signInText("https://volens.example", address, { ...p, ...change })).toThrow(Refused);
  });
  it("are refused over plain http, but for this machine", () => {
    expect(() => signInText("http://volens.example", address, { ...p, uri: "http://volens.example/" })).toThrow(Refused);
    expect(signInText("http://localhost:8080", address, { ...p, domain: "localhost:8080", uri: "http://localhost:8080/auth/sign-in" })).toContain("localhost:8080 wants");
  });
});
