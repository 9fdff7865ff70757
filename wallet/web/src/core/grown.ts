/** Whether a log still holds what was seen of it: a checkpoint against an earlier one. */
import { fromHex, toHex } from "./bytes.ts";
import { Refused } from "./error.ts";
import { checkConsistency } from "./merkle.ts";
import type { Checkpoint } from "./note.ts";
import type { Fault } from "./statement.ts";
import type { Hash, Uint64 } from "./types.ts";

/** What was seen of a log. */
export interface SeenLog {
  size: Uint64;
  root: Hash;
}

/** checkGrown says what is wrong with a newer checkpoint, undefined when it holds what was seen. proof leads from there to here (RFC 6962). */
export function checkGrown(cp: Checkpoint, before: SeenLog | undefined, proof: readonly Uint8Array[]): Fault | undefined {
  const had = BigInt(before?.size ?? "0");
  if (before === undefined || had === 0n) {
    return undefined;
  }
  if (had > cp.size) {
    return { kind: "rollback", why: `the log had ${had} entries and now has ${cp.size}` };
  }
  if (had === cp.size) {
    return toHex(cp.root) === before.root ? undefined : { kind: "fork", why: `another log of ${had} entries than before` };
  }
  try {
    checkConsistency(proof, cp.size, cp.root, had, fromHex(before.root));
    return undefined;
  } catch (error) {
    if (error instanceof Refused) {
      return { kind: "fork", why: error.message };
    }
    throw error;
  }
}
