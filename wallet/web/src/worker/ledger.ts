/** The ledger as a wallet watches it: its newest checkpoint holds the one that this device saw last. */
import { isVolensError } from "../api/error.ts";
import type { LedgerView } from "../api/volens.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { Refused } from "../core/error.ts";
import { checkGrown } from "../core/grown.ts";
import { openLedgerCheckpoint, parseVerifier } from "../core/note.ts";
import type { Hash } from "../core/types.ts";
import type { Subject } from "../keys/book.ts";
import type { Context } from "./context.ts";

/** watchLedger checks the ledger's newest checkpoint and remembers it; undefined where it cannot be had. */
export async function watchLedger(cx: Context, s: Subject): Promise<LedgerView | undefined> {
  const pinned = cx.safe.content().ledgers.find((l) => l.id === s.ledger);
  if (pinned === undefined) {
    return undefined;
  }
  const before = pinned.mark;
  const view: LedgerView = { state: "failed", size: "0", before: before?.size ?? "0" };
  let answer: { checkpoint: string; consistency: Hash[] | null };
  try {
    answer = await cx.as(s, "/v1/ledger/checkpoint", before === undefined ? {} : { since: before.size });
  } catch (error) {
    if (isVolensError(error) && error.code === "conflict") {
      return { ...view, alarm: "rollback", why: error.detail };
    }
    if (isVolensError(error) && error.code !== "locked") {
      return undefined; // not this time: the page says so by not saying that it was checked
    }
    throw error;
  }
  try {
    const cp = openLedgerCheckpoint(answer.checkpoint, parseVerifier(pinned.key), pinned.id);
    view.size = String(cp.size);
    const fault = checkGrown(cp, before, (answer.consistency ?? []).map(fromHex));
    if (fault !== undefined) {
      return { ...view, alarm: fault.kind, why: fault.why };
    }
    pinned.mark = { size: view.size, root: toHex(cp.root), note: answer.checkpoint };
    return { ...view, state: "proved" };
  } catch (error) {
    if (error instanceof Refused) {
      return { ...view, alarm: "proof", why: error.message };
    }
    throw error;
  }
}
