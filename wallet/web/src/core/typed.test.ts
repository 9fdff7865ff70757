import { describe, expect, it } from "vitest";

import { fromHex, toHex } from "./bytes.ts";
import { recover, sign, addressOf } from "./key.ts";
import { vectors } from "./testdata.ts";
import { encodeType, hashStruct, typedDigest, CHAIN_ID, personalDigest, typedData } from "./typed.ts";
import type { Types } from "./schema.ts";

interface TypedData {
  name: string;
  domain: Record<string, string | number>;
  primaryType: string;
  types: Types;
  data: unknown;
  digest: string;
}

function digestOf(v: TypedData): string {
  return `0x${toHex(typedDigest(hashStruct("EIP712Domain", v.domain, v.types), hashStruct(v.primaryType, v.data, v.types)))}`;
}

describe("EIP-712", () => {
  it("is as the standard's own example has it", () => {
    const mail = vectors<TypedData & { encodeType: string; signer: string; signature: { v: number; r: string; s: string } }>(
      "chaincode/sig/testdata/eip712/mail.json",
    );
    expect(encodeType(mail.primaryType, mail.types)).toBe(mail.encodeType);
    expect(digestOf(mail)).toBe(mail.digest);
    const signature = `0x${mail.signature.r.slice(2)}${mail.signature.s.slice(2)}${mail.signature.v.toString(16)}`;
    expect(recover(fromHex(mail.digest.slice(2)), signature)).toBe(mail.signer);
  });

  it.each(vectors<TypedData[]>("chaincode/sig/testdata/eip712/digests.json"))("$name", (v) => {
    expect(digestOf(v)).toBe(v.digest);
  });

  it("has a chain id that spells the name", () => {
    expect(CHAIN_ID).toBe(130220932034163n);
  });

  it("writes typed data that other wallets take", () => {
    const data = typedData("1".repeat(64), "RevokeAll", { handle: "0".repeat(32), seq: "1", prev: "2".repeat(64), salt: "3".repeat(64) });
    expect(data).toMatchObject({ primaryType: "RevokeAll", message: { handle: `0x${"0".repeat(32)}`, seq: "1", salt: `0x${"3".repeat(64)}` } });
  });

  it("signs texts as EIP-191 says", () => {
    // web3.js' documented example: key 4c08…, "Some data"
    const key = fromHex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318");
    const d = personalDigest("Some data");
    expect(toHex(d)).toBe("1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655");
    expect(recover(d, sign(key, d))).toBe(addressOf(key));
  });
});
