/** RFC 6962 (section 2.1) trees: hashes, audit paths, consistency proofs. */
import { sha256 } from "@noble/hashes/sha2.js";

import { type Bytes, concat, equal } from "./bytes.ts";
import { Refused } from "./error.ts";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

function refuse(why: string): never {
  throw new Refused("proof", why);
}

/** leafHash is the hash of a record. */
export function leafHash(data: Uint8Array): Bytes {
  return sha256(concat(LEAF, data));
}

/** nodeHash is the hash of an inner node. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Bytes {
  return sha256(concat(NODE, left, right));
}

/** emptyRoot is the root of a tree without leaves. */
export function emptyRoot(): Bytes {
  return sha256(new Uint8Array());
}

function checkHashes(proof: readonly Uint8Array[]): void {
  if (proof.some((h) => h.length !== 32)) {
    refuse("a hash has 32 bytes");
  }
}

/** checkInclusion refuses unless the path proves that leaf is record index of the tree. */
export function checkInclusion(path: readonly Uint8Array[], size: bigint, root: Uint8Array, index: bigint, leaf: Uint8Array): void {
  checkHashes([...path, root, leaf]);
  if (index < 0n || index >= size) {
    refuse(`record ${index} of ${size}`);
  }
  let node = index;
  let last = size - 1n;
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0n) {
      refuse("the path is too long");
    }
    if ((node & 1n) === 1n || node === last) {
      hash = nodeHash(sibling, hash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n || !equal(hash, root)) {
    refuse("the path does not lead to the root");
  }
}

/** checkConsistency refuses unless the proof shows that the tree of size2 begins with all of the tree of size1, which is not empty. */
export function checkConsistency(proof: readonly Uint8Array[], size2: bigint, root2: Uint8Array, size1: bigint, root1: Uint8Array): void {
  checkHashes(proof);
  if (size1 < 1n || size1 > size2) {
    refuse(`size ${size1} is not one that a tree of ${size2} had`);
  }
  if (size1 === size2) {
    if (proof.length > 0 || !equal(root1, root2)) {
      refuse(`two roots at size ${size1}`);
    }
    return;
  }
  let node = size1 - 1n;
  let last = size2 - 1n;
  while ((node & 1n) === 1n) {
    node >>= 1n;
    last >>= 1n;
  }
  const rest = [...proof];
  const seed = node === 0n ? root1 : (rest.shift() ?? refuse("the proof is too short"));
  let first = seed;
  let second = seed;
  for (const sibling of rest) {
    if (last === 0n) {
      refuse("the proof is too long");
    }
    if ((node & 1n) === 1n || node === last) {
      first = nodeHash(sibling, first);
      second = nodeHash(sibling, second);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      second = nodeHash(second, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n || !equal(first, root1) || !equal(second, root2)) {
    refuse("the log is not the one that was seen");
  }
}

/** treeRoot is the root over leaf hashes, for whoever has them all. */
export function treeRoot(leaves: readonly Uint8Array[]): Bytes {
  if (leaves.length === 0) {
    return emptyRoot();
  }
  let level = leaves as readonly Bytes[];
  while (level.length > 1) {
    const next: Bytes[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i];
      const right = level[i + 1];
      if (left !== undefined) {
        next.push(right === undefined ? left : nodeHash(left, right));
      }
    }
    level = next;
  }
  return level[0] ?? emptyRoot();
}
