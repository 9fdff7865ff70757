import { describe, expect, it } from "vitest";

import { VolensError } from "../api/error.ts";
import type { AnchorView } from "../api/volens.ts";
import { vectors } from "../core/testdata.ts";
import type { Subject } from "../keys/book.ts";
import { watchAnchor } from "./anchor.ts";
import type { Context } from "./context.ts";

interface Case {
  name: string;
  size: string;
  root: string;
  had: string;
  answer: unknown;
  anchored: string;
  time: string;
  alarm: string;
  mark?: { size: string; root: string };
}

const v = vectors<{ ledger: string; key: string; origin: string; custodian: string; cases: Case[] }>("wallet/online/testdata/anchors.json");

/** A device that asks a gateway which answers this. */
async function watch(c: Pick<Case, "size" | "root" | "had" | "mark">, answer: () => unknown) {
  const asked: unknown[] = [];
  const json = (path: string, call: { body: unknown }): Promise<unknown> => {
    asked.push([path, call.body]);
    return new Promise((done) => done(answer()));
  };
  const pinned = { id: v.ledger, genesis: v.ledger, name: "", key: v.key, ...(c.mark === undefined ? {} : { mark: { ...c.mark, note: "seen" } }) };
  const cx = { http: { json }, pinned: () => pinned } as unknown as Context;
  const s = { ledger: v.ledger, custodian: v.custodian, usesOrigin: v.origin, anchored: c.had } as Subject;
  const view = await watchAnchor(cx, s, { size: c.size, root: c.root, useSeq: "0", head: "", subjectSalt: "" });
  return { view, s, asked, mark: pinned.mark };
}

describe("the use log's anchor", () => {
  it.each(v.cases)("$name", async (c) => {
    const { view, s, asked, mark } = await watch(c, () => c.answer);
    expect(asked).toEqual([["/v1/ledger/anchor", { size: c.size, ...(c.mark === undefined ? {} : { ledger: c.mark.size }) }]]);
    // The ledger's signed checkpoint is kept when it is the newer one and sound.
    const sound = (c.alarm === "" || c.alarm === "behind") && (c.answer as { receipt?: unknown }).receipt !== undefined;
    expect(mark?.size).toBe(sound && Number(c.mark?.size ?? 0) < 5 ? "5" : c.mark?.size);
    if (c.alarm === "behind") {
      expect(view).toBe("behind");
      expect(BigInt(s.anchored ?? "0")).toBeGreaterThan(BigInt(c.size));
      expect((await watch({ ...c, had: s.anchored ?? "0" }, () => c.answer)).view).toMatchObject({ state: "failed", alarm: "rollback" });
      return;
    }
    expect(view).toMatchObject(c.alarm === "" ? { state: "proved", size: c.anchored, time: c.time } : { state: "failed", alarm: c.alarm });
    // What was seen is remembered, and never goes back.
    expect(s.anchored).toBe(c.alarm === "" && c.anchored !== "0" ? c.anchored : c.had);
    expect((view as AnchorView | undefined)?.seen).toBe(c.alarm !== "" && c.mark !== undefined ? "seen" : undefined);
    expect((view as AnchorView | undefined)?.shown !== undefined).toBe(c.alarm !== "");
  });

  const sound = v.cases[0] as Case;
  const fails = (code: "conflict" | "offline" | "unavailable") => () => {
    throw new VolensError(code, "no");
  };

  it("is not checked where it cannot be had, and nothing is forgotten by that", async () => {
    for (const code of ["offline", "unavailable"] as const) {
      const { view, s } = await watch(sound, fails(code));
      expect(view).toBeUndefined();
      expect(s.anchored).toBe(sound.had);
    }
  });

  it("tells a log that lacks what was anchored, also where the ledger cannot be asked", async () => {
    expect((await watch({ ...sound, had: "34" }, fails("unavailable"))).view).toMatchObject({ state: "failed", alarm: "rollback" });
  });

  it("tells a log that is shorter than what was just shown, and an answer that is none", async () => {
    expect((await watch(sound, fails("conflict"))).view).toMatchObject({ state: "failed", alarm: "rollback" });
    for (const answer of [{ receipt: {}, consistency: [] }, { receipt: { position: "x", leaf: "", proof: null }, consistency: null }]) {
      expect((await watch(sound, () => answer)).view).toMatchObject({ state: "failed", alarm: "proof" });
    }
  });
});
