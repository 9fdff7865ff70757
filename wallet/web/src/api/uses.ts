/** Who used a person's data, as the views see it: part of the interface in volens.ts. */
import type { AnchorProof } from "../core/anchor.ts";
import type { Entry, Handle, Hash, Millis, Uint64 } from "../core/types.ts";

/** proved: in the signed checkpoint and in the chain. failed: something contradicts. */
export type ProofState = "proved" | "failed";

export interface UseEntry extends Entry {
  state: ProofState;
  /** When failed: which claim does not hold (English). */
  why?: string;
  /** Name of the requester that the authorities signed. */
  requesterName?: string;
}

export interface UsesView {
  /** Newest first. */
  entries: UseEntry[];
  /** All of it: every entry, that none is missing, the checkpoint's signature, and that the log still holds what was seen before. */
  state: ProofState;
  why?: string;
  /** Whether what failed is history itself: then the person is told that the log shows another one than before. */
  alarm?: "fork" | "rollback" | "proof";
  total: Uint64;
  checkpoint: { origin: string; size: Uint64; root: Hash; note: string };
  before: { size: Uint64; useSeq: Uint64 };
  /** The ledger, which holds the consents; when it fails, state fails. Absent where it could not be checked. */
  ledger?: LedgerView;
  /** What the ledger says of the log, to all alike; when it fails, state and every entry fail. Absent where it could not be checked. */
  anchor?: AnchorView;
}

/** What this device proved of the log's newest anchor on the ledger: that the list is of the same history. */
export interface AnchorView {
  state: ProofState;
  why?: string;
  /** fork: others are shown another history. rollback: an anchor that was there is hidden. */
  alarm?: "fork" | "rollback" | "proof";
  /** How many of the log's uses it holds fast; "0" where the log is not anchored yet. */
  size: Uint64;
  time: Millis;
  /** What the gateway showed, as evidence: beside the list's signed checkpoint it proves two histories to anybody. */
  shown?: AnchorProof;
  /** The ledger's signed checkpoint that this device had proved before: beside the receipt's it proves two ledgers to anybody. */
  seen?: string;
}

/** What this device proved of the ledger: its newest checkpoint, and that it holds the one seen before. */
export interface LedgerView {
  state: ProofState;
  why?: string;
  alarm?: "fork" | "rollback" | "proof";
  size: Uint64;
  before: Uint64;
}

export interface Uses {
  /** sync fetches every use of the handle, checks all, and remembers the checkpoint. A failed proof is a view with state "failed", not an error. */
  sync(handle: Handle): Promise<UsesView>;
  /** last is what the last sync since unlocking showed; works offline. */
  last(handle: Handle): Promise<UsesView | undefined>;
  /** verifyFile checks an exported statement (uses.json) again, offline. */
  verifyFile(handle: Handle, json: string): Promise<UsesView>;
  /** The gateway's own exports; that they left is put on record. */
  exportCsv(handle: Handle): Promise<string>;
  exportJson(handle: Handle): Promise<string>;
  exportFhir(handle: Handle): Promise<string>;
}
