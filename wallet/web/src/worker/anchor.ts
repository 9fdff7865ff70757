/** The anchor of the use log: what this device is shown is what the ledger shows everybody. */
import { isVolensError } from "../api/error.ts";
import type { AnchorView } from "../api/volens.ts";
import { type AnchorProof, checkAnchor, shorter } from "../core/anchor.ts";
import type { Fault, Seen } from "../core/statement.ts";
import type { Hash } from "../core/types.ts";
import type { Subject } from "../keys/book.ts";
import { type Context, receiptOf } from "./context.ts";

/** watchAnchor holds the log as it was shown, which is proved in itself, against its newest anchor and remembers that; undefined where it cannot be had, behind where the log has more uses than were shown, which may have come meanwhile. */
export async function watchAnchor(cx: Context, s: Subject, shown: Seen): Promise<AnchorView | "behind" | undefined> {
  const had = s.anchored ?? "0";
  const pinned = cx.pinned(s.ledger);
  const failed = (fault: Fault, proof?: AnchorProof): AnchorView => ({
    state: "failed", size: "0", time: "0", alarm: fault.kind, why: fault.why, ...(proof === undefined ? {} : { shown: proof }),
    ...(pinned.mark === undefined ? {} : { seen: pinned.mark.note }),
  });
  const hidden = shorter(shown, had);
  let answer: { receipt?: unknown; consistency: Hash[] | null; ledgerConsistency?: Hash[] };
  try {
    const body = { size: shown.size, ...(pinned.mark === undefined ? {} : { ledger: pinned.mark.size }) };
    answer = (await cx.http.json("/v1/ledger/anchor", { method: "POST", body, again: true })) as typeof answer;
  } catch (error) {
    if (hidden !== undefined && isVolensError(error)) {
      return failed(hidden);
    }
    if (isVolensError(error) && error.code === "conflict") {
      return failed({ kind: "rollback", why: error.detail });
    }
    if (isVolensError(error)) {
      return undefined;
    }
    throw error;
  }
  const proof: AnchorProof = {
    consistency: answer.consistency ?? [], ...(answer.ledgerConsistency === undefined ? {} : { ledgerConsistency: answer.ledgerConsistency }),
    ...(answer.receipt === undefined ? {} : { receipt: receiptOf(answer.receipt) }),
  };
  const { at, behind, ledger, fault } = checkAnchor({ pinned, custodian: s.custodian, origin: s.usesOrigin }, shown, had, proof);
  if (fault !== undefined) {
    return failed(fault, proof);
  }
  if (at !== undefined) {
    s.anchored = at.size;
  }
  if (ledger !== undefined && BigInt(ledger.size) > BigInt(pinned.mark?.size ?? "0")) {
    pinned.mark = ledger; // signed: evidence, if another one is ever shown
  }
  return behind === true ? "behind" : { state: "proved", size: at?.size ?? "0", time: at?.time ?? "0" };
}
