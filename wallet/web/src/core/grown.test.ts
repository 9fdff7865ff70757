import { describe, expect, it } from "vitest";

import { utf8 } from "./bytes.ts";
import { toHex } from "./bytes.ts";
import { checkGrown } from "./grown.ts";
import { leafHash, nodeHash } from "./merkle.ts";

const [a, b, c] = ["a", "b", "c"].map((s) => leafHash(utf8(s))) as [Uint8Array, Uint8Array, Uint8Array];
const two = nodeHash(a, b);
const three = nodeHash(two, c);
const at = (size: bigint, root: Uint8Array) => ({ origin: "o", size, root, extensions: [] });
const seen = (size: string, root: Uint8Array) => ({ size, root: toHex(root) });

describe("a newer checkpoint", () => {
  it.each([
    ["holds when nothing was seen", at(3n, three), undefined, [], undefined],
    ["holds what was seen", at(3n, three), seen("2", two), [c], undefined],
    ["is the one that was seen", at(2n, two), seen("2", two), [], undefined],
    ["of the same size is another", at(2n, nodeHash(a, c)), seen("2", two), [], "fork"],
    ["does not hold what was seen", at(3n, nodeHash(nodeHash(a, c), b)), seen("2", two), [b], "fork"],
    ["has fewer entries", at(2n, two), seen("3", three), [], "rollback"],
    ["comes without its proof", at(3n, three), seen("2", two), [], "fork"],
  ] as const)("%s", (_, cp, before, proof, want) => {
    expect(checkGrown(cp, before, proof)?.kind).toBe(want);
  });
});
