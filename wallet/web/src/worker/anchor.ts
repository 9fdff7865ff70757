/** The anchor of the use log: what this device is shown is what the ledger shows everybody. */
import { isVolensError } from "../api/error.ts";
import type { AnchorView } from "../api/volens.ts";
import { type AnchorProof, checkAnchor } from "../core/anchor.ts";
import type { Seen } from "../core/statement.ts";
import type { Hash } from "../core/types.ts";
import type { Subject } from "../keys/book.ts";
import { type Context, receiptOf } from "./context.ts";

/** watchAnchor holds the log as it was shown, which is proved in itself, against its newest anchor and remembers that; undefined where it cannot be had. */
export async function watchAnchor(cx: Context, s: Subject, shown: Seen): Promise<AnchorView | undefined> {
  const had = s.anchored ?? "0";
  let answer: { receipt?: unknown; consistency: Hash[] | null };
  try {
    answer = (await cx.http.json("/v1/ledger/anchor", { method: "POST", body: { size: shown.size }, again: true })) as typeof answer;
  } catch (error) {
    if (isVolensError(error) && error.code === "conflict") {
      return { state: "failed", size: "0", time: "0", alarm: "rollback", why: error.detail };
    }
    if (isVolensError(error)) {
      return undefined;
    }
    throw error;
  }
  const proof: AnchorProof = { consistency: answer.consistency ?? [], ...(answer.receipt === undefined ? {} : { receipt: receiptOf(answer.receipt) }) };
  const { at, fault } = checkAnchor({ pinned: cx.pinned(s.ledger), custodian: s.custodian, origin: s.usesOrigin }, shown, had, proof);
  if (fault !== undefined) {
    return { state: "failed", size: "0", time: "0", alarm: fault.kind, why: fault.why, shown: proof };
  }
  if (at !== undefined) {
    s.anchored = at.size;
  }
  return { state: "proved", size: at?.size ?? "0", time: at?.time ?? "0" };
}
