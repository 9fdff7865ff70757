import { describe, expect, it } from "vitest";

import { type AnchorProof, checkAnchor } from "./anchor.ts";
import { fromBase64, toBase64 } from "./bytes.ts";
import { vectors } from "./testdata.ts";
import type { Receipt } from "./types.ts";

interface Case {
  name: string;
  size: string;
  root: string;
  had: string;
  answer: { receipt?: Omit<Receipt, "position"> & { position: number }; consistency: string[] | null; ledgerConsistency?: string[] };
  anchored: string;
  time: string;
  alarm: string;
  mark?: { size: string; root: string };
}

const v = vectors<{ ledger: string; key: string; origin: string; custodian: string; cases: Case[] }>("wallet/online/testdata/anchors.json");
const of = { pinned: { id: v.ledger, genesis: v.ledger, name: "", key: v.key }, custodian: v.custodian, origin: v.origin };

const proofOf = ({ answer: { receipt, consistency, ledgerConsistency } }: Case): AnchorProof => ({
  consistency: consistency ?? [], ...(ledgerConsistency === undefined ? {} : { ledgerConsistency }), ...(receipt === undefined ? {} : { receipt: { ...receipt, position: String(receipt.position) } }),
});

describe("the anchor of a use log, as Go makes it", () => {
  it("has cases of every kind", () => {
    expect([...new Set(v.cases.map((c) => c.alarm))].sort()).toEqual(["", "behind", "fork", "proof", "rollback"]);
  });

  it.each(v.cases)("$name", (c) => {
    const pinned = { ...of.pinned, ...(c.mark === undefined ? {} : { mark: c.mark }) };
    const { at, behind, ledger, fault } = checkAnchor({ ...of, pinned }, c, c.had, proofOf(c));
    expect(behind === true ? "behind" : (fault?.kind ?? "")).toBe(c.alarm);
    if (behind === true) {
      expect(BigInt(at?.size ?? "0")).toBeGreaterThan(BigInt(c.size));
      return;
    }
    expect([at?.size ?? "0", at?.time ?? "0"]).toEqual([c.anchored, c.time]);
    expect(ledger?.size).toBe(at === undefined ? undefined : "5");
  });

  it("is refused whatever bit of its leaf is changed", () => {
    const c = v.cases[0] as Case;
    const sound = proofOf(c);
    const receipt = sound.receipt as Receipt;
    const leaf = fromBase64(receipt.leaf);
    for (let i = 0; i < leaf.length; i++) {
      const bad = leaf.slice();
      bad[i] = (bad[i] ?? 0) ^ 1;
      const { at, fault } = checkAnchor(of, c, c.had, { ...sound, receipt: { ...receipt, leaf: toBase64(bad) } });
      expect(fault, `byte ${i}`).toBeDefined();
      expect(at).toBeUndefined();
    }
  });
});
