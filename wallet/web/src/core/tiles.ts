/**
 * Trees read from tiles (C2SP tlog-tiles), 8 levels a tile. Proofs made here are checked like anybody's: the tiles themselves are
 * not believed.
 */
import { Refused } from "./error.ts";
import { nodeHash } from "./merkle.ts";

const WIDTH = 256n;
const HEIGHT = 8;
const HASH = 32;

/** fetchTile gets tile/<path> of a log. */
export type FetchTile = (path: string) => Promise<Uint8Array>;

/** tilePath names a tile of a tree of a size. */
export function tilePath(level: number, n: bigint, size: bigint): { path: string; width: bigint } {
  const nodes = size >> BigInt(level * HEIGHT);
  const width = (n + 1n) * WIDTH <= nodes ? WIDTH : nodes - n * WIDTH;
  return { path: `${level}/${numbered(n)}${width < WIDTH ? `.p/${width}` : ""}`, width };
}

function numbered(n: bigint): string {
  let digits = (n % 1000n).toString().padStart(3, "0");
  for (let rest = n / 1000n; rest > 0n; rest /= 1000n) {
    digits = `x${(rest % 1000n).toString().padStart(3, "0")}/${digits}`;
  }
  return digits;
}

/** entriesPath names a bundle of entries. */
export function entriesPath(n: number, width: number): string {
  return `entries/${numbered(BigInt(n))}${BigInt(width) < WIDTH ? `.p/${width}` : ""}`;
}

/** TiledTree reads the hashes of one tree size. */
export class TiledTree {
  private readonly size: bigint;
  private readonly fetchTile: FetchTile;
  private readonly held = new Map<string, Promise<Uint8Array>>();

  constructor(size: bigint, fetchTile: FetchTile) {
    this.size = size;
    this.fetchTile = fetchTile;
  }

  /** consistency is the RFC 6962 proof from an older size. */
  async consistency(old: bigint): Promise<Uint8Array[]> {
    return old === this.size || old === 0n ? [] : this.subproof(old, 0n, this.size, true);
  }

  private async subproof(m: bigint, start: bigint, end: bigint, whole: boolean): Promise<Uint8Array[]> {
    const n = end - start;
    if (m === n) {
      return whole ? [] : [await this.range(start, end)];
    }
    const k = split(n);
    if (m <= k) {
      return [...(await this.subproof(m, start, start + k, whole)), await this.range(start + k, end)];
    }
    return [...(await this.subproof(m - k, start + k, end, false)), await this.range(start, start + k)];
  }

  /** range is the hash over leaves from start, which is a multiple of its size rounded up to a power of two. */
  private async range(start: bigint, end: bigint): Promise<Uint8Array> {
    const n = end - start;
    if ((n & (n - 1n)) === 0n) {
      const level = n.toString(2).length - 1;
      return this.node(level, start >> BigInt(level));
    }
    const k = split(n);
    return nodeHash(await this.range(start, start + k), await this.range(start + k, end));
  }

  /** node is the root of the complete subtree number index of a height. */
  private async node(height: number, index: bigint): Promise<Uint8Array> {
    const level = Math.floor(height / HEIGHT);
    const within = BigInt(height % HEIGHT);
    const first = index << within;
    const tile = await this.tile(level, first / WIDTH);
    let hashes: Uint8Array[] = [];
    for (let i = first % WIDTH; i < (first % WIDTH) + (1n << within); i++) {
      hashes.push(tile.subarray(Number(i) * HASH, (Number(i) + 1) * HASH));
    }
    while (hashes.length > 1) {
      hashes = pairs(hashes);
    }
    return hashes[0] ?? refuse();
  }

  private async tile(level: number, n: bigint): Promise<Uint8Array> {
    const { path, width } = tilePath(level, n, this.size);
    let tile = this.held.get(path);
    if (tile === undefined) {
      tile = this.fetchTile(path);
      this.held.set(path, tile);
    }
    const bytes = await tile;
    return BigInt(bytes.length) === width * BigInt(HASH) ? bytes : refuse();
  }
}

function refuse(): never {
  throw new Refused("proof", "a tile is not of its size");
}

function pairs(hashes: readonly Uint8Array[]): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let i = 0; i + 1 < hashes.length; i += 2) {
    out.push(nodeHash(hashes[i] ?? refuse(), hashes[i + 1] ?? refuse()));
  }
  return out;
}

/** split is the largest power of two below n. */
function split(n: bigint): bigint {
  return 1n << BigInt((n - 1n).toString(2).length - 1);
}
