/** What a list of uses that is sound in itself still lacks. */
import type { UsesView } from "../api/volens.ts";

/** asked: the ledger could not be asked. none: the log was never anchored, so nothing was compared. old: it was, too long ago. */
export type Missing = "asked" | "none" | "old";

/** A log that grows is anchored each minute, or as its custodian says; after a day without an anchor nobody should rely on the last one. */
const anchorLasts = 24 * 3600 * 1000;

/** missingOf says what keeps a list from being called complete and true, undefined for nothing. */
export function missingOf(view: Pick<UsesView, "anchor" | "ledger">, now: number): Missing | undefined {
  const { anchor, ledger } = view;
  if (anchor === undefined || ledger === undefined) {
    return "asked";
  }
  if (anchor.size === "0") {
    return "none";
  }
  return now - Number(anchor.time) > anchorLasts ? "old" : undefined;
}
