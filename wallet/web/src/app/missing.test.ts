import { expect, test } from "vitest";

import type { AnchorView, LedgerView } from "../api/volens.ts";
import { missingOf } from "./missing.ts";

const day = 24 * 3600 * 1000;
const ledger: LedgerView = { state: "proved", size: "9", before: "0" };
const anchor = (size: string, time: number): AnchorView => ({ state: "proved", size, time: String(time) });

test.each([
  ["all was compared", { ledger, anchor: anchor("5", 10 * day) }, 10 * day + 60_000, undefined],
  ["a clock that is behind", { ledger, anchor: anchor("5", 10 * day) }, 9 * day, undefined],
  ["nothing could be asked", {}, 0, "asked"],
  ["no anchor could be had", { ledger }, 0, "asked"],
  ["the ledger could not be had", { anchor: anchor("5", 10 * day) }, 10 * day, "asked"],
  ["a new device, and never anchored", { ledger, anchor: anchor("0", 0) }, 10 * day, "none"],
  ["the newest anchor is old", { ledger, anchor: anchor("5", 10 * day) }, 11 * day + 1, "old"],
] as const)("%s", (_, view, now, want) => {
  expect(missingOf(view, now)).toBe(want);
});
