import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { concat } from "./bytes.ts";
import { checkConsistency, leafHash, nodeHash, treeRoot } from "./merkle.ts";
import { TiledTree, tilePath } from "./tiles.ts";

const LEAVES = Array.from({ length: 700 }, (_, i) => leafHash(Uint8Array.of(i >> 8, i & 255)));

function serve(size: number): (path: string) => Promise<Uint8Array> {
  let level: Uint8Array[] = LEAVES.slice(0, size);
  const levels = [level];
  for (let i = 0; i < 8; i++) {
    const next: Uint8Array[] = [];
    for (let k = 0; k + 1 < level.length; k += 2) {
      next.push(nodeHash(level[k] ?? new Uint8Array(), level[k + 1] ?? new Uint8Array()));
    }
    level = next;
  }
  levels.push(level);
  return (path) => {
    const [, l = "", n = "", w] = /^(\d)\/(\d{3})(?:\.p\/(\d+))?$/.exec(path) ?? [];
    return Promise.resolve(concat(...(levels[Number(l)] ?? []).slice(Number(n) * 256, Number(n) * 256 + Number(w ?? 256))));
  };
}

describe("tiles", () => {
  it("have C2SP's names", () => {
    expect(tilePath(0, 0n, 5n).path).toBe("0/000.p/5");
    expect(tilePath(0, 1234067n, 1n << 40n).path).toBe("0/x001/x234/067");
    expect(tilePath(1, 0n, 700n)).toEqual({ path: "1/000.p/2", width: 2n });
  });
  it("prove consistency between any two sizes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 1, max: 700 }), async (a, b) => {
        const [old, size] = [Math.min(a, b), Math.max(a, b)];
        const proof = await new TiledTree(BigInt(size), serve(size)).consistency(BigInt(old));
        checkConsistency(proof, BigInt(size), treeRoot(LEAVES.slice(0, size)), BigInt(old), treeRoot(LEAVES.slice(0, old)));
        if (old < size) {
          expect(() => checkConsistency(proof, BigInt(size), treeRoot(LEAVES.slice(0, size)), BigInt(old), treeRoot(LEAVES.slice(1, old + 1)))).toThrow();
        }
      }),
      { numRuns: 40 },
    );
  });
});
