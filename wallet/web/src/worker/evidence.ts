/**
 * Evidence that an auditor saves: both logs whole, as entry tiles with their signed checkpoints, and the uses that it is about.
 * "volens verify" checks the file without a network; everything is checked here before it is saved.
 */
import { fail } from "../api/error.ts";
import type { CheckpointView } from "../api/volens.ts";
import type { AuditUse, Replay } from "../api/wire.ts";
import { equal, fromHex, toBase64 } from "../core/bytes.ts";
import { leafHash, nodeHash } from "../core/merkle.ts";
import { entriesPath } from "../core/tiles.ts";

/** More than this is for "volens audit verify", which needs no file. */
export const MOST_ENTRIES = 250_000;

const BUNDLE = 256;

/** One log in the file. */
export interface EvidenceLog {
  origin: string;
  key: string;
  checkpoint: string;
  tiles: Record<string, string>;
}

/** Growing hashes entries as they come; its memory is one hash a level. */
class Growing {
  private readonly peaks: { height: number; hash: Uint8Array }[] = [];

  add(leaf: Uint8Array): void {
    let node = { height: 0, hash: leafHash(leaf) as Uint8Array };
    for (let last = this.peaks.at(-1); last?.height === node.height; last = this.peaks.at(-1)) {
      this.peaks.pop();
      node = { height: node.height + 1, hash: nodeHash(last.hash, node.hash) };
    }
    this.peaks.push(node);
  }

  root(): Uint8Array | undefined {
    return this.peaks.map((p) => p.hash).reduceRight((right, left) => nodeHash(left, right));
  }
}

/** wholeLog fetches every entry of a log and refuses unless they hash to the checkpoint, whose signature was checked. */
export async function wholeLog(view: CheckpointView, key: string, get: (path: string) => Promise<Uint8Array>): Promise<EvidenceLog> {
  const size = Number(view.size);
  if (view.state !== "proved") {
    fail("proof", view.why ?? "the checkpoint cannot be trusted");
  }
  if (size > MOST_ENTRIES) {
    fail("too-large", `${view.size} entries`);
  }
  const tree = new Growing();
  const tiles: Record<string, string> = {};
  for (let first = 0; first < size; first += BUNDLE) {
    const width = Math.min(BUNDLE, size - first);
    const path = entriesPath(first / BUNDLE, width);
    const bytes = await get(`tile/${path}`);
    tiles[path] = toBase64(bytes);
    let at = 0;
    for (let i = 0; i < width; i++) {
      const end = at + 2 + (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
      if (at + 2 > bytes.length || end > bytes.length) {
        fail("proof", `entry ${first + i} is cut off`);
      }
      tree.add(bytes.subarray(at + 2, end));
      at = end;
    }
    if (at !== bytes.length) {
      fail("proof", `bytes after entry ${first + width - 1}`);
    }
  }
  const root = size === 0 ? undefined : tree.root();
  if (root !== undefined && !equal(root, fromHex(view.root))) {
    fail("proof", "the entries do not hash to the checkpoint");
  }
  return { origin: view.origin, key, checkpoint: view.note, tiles };
}

/** evidenceFile is the file. */
export function evidenceFile(saved: number, logs: Record<"uses" | "ledger", EvidenceLog>, uses: readonly AuditUse[], replays: readonly Replay[]): string {
  return `${JSON.stringify({ format: "volens-evidence/1", saved: String(saved), logs, uses, replays }, null, 1)}\n`;
}
