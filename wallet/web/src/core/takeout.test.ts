import { describe, expect, it } from "vitest";

import { Refused } from "./error.ts";
import type { Evidence } from "./evidence.ts";
import { consentReceipt } from "./takeout.ts";
import { vectors } from "./testdata.ts";

const given = vectors<{ name: string; receipt: string }[]>("wallet/takeout/testdata/receipts.json");

/** The evidence in a receipt, as the wallet would hold it: positions are texts there. */
function evidenceIn(receipt: string): Evidence {
  const e = (JSON.parse(receipt) as { "volens:evidence": Evidence })["volens:evidence"];
  for (const p of [e.consent, e.confirm, e.ended]) {
    if (p !== undefined) {
      p.receipt.position = Number(p.receipt.position).toString();
    }
  }
  return e;
}

describe("consent receipts", () => {
  it.each(given)("$name: the same text as Go’s", ({ receipt }) => {
    expect(consentReceipt(evidenceIn(receipt))).toBe(receipt);
  });

  it("are made of no evidence that does not hold", () => {
    const spoil: ((e: Evidence) => void)[] = [
      (e) => (e.ledger = "1".repeat(64)),
      (e) => (e.genesis = "1".repeat(64)),
      (e) => (e.members = []),
      (e) => e.members.shift(),
      (e) => (e.consent.message.body["salt"] = "1".repeat(64)),
      (e) => (e.consent.receipt.proof = []),
      (e) => (e.ended = e.consent),
    ];
    for (const change of spoil) {
      const e = evidenceIn(given[0]?.receipt ?? "");
      change(e);
      expect(() => consentReceipt(e)).toThrow(Refused);
    }
  });
});
