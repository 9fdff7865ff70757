/**
 * A person's keys from her seed, along m/8080'/h0'/h1'/h2'/h3'/h4'/g'/u' as package wallet in Go says: the handle, the
 * generation of its key, and what the 32 bytes are for.
 */
import { HARDENED_OFFSET, HDKey } from "@scure/bip32";

import { type Bytes, fromHex } from "../core/bytes.ts";
import { addressOf } from "../core/key.ts";
import { keyCommitment } from "../core/message.ts";
import type { Address, Handle, Hash } from "../core/types.ts";

const PURPOSE = 8080;
const MASK = 0x7fffffffn;
const MAX_GENERATIONS = 64;

type Purpose = 0 | 1 | 2;

/** pathOf is the path of a handle's use as text. */
export function pathOf(handle: Handle, generation: number, use: Purpose): string {
  const n = BigInt(`0x${handle}`);
  const steps = [n >> 124n, (n >> 93n) & MASK, (n >> 62n) & MASK, (n >> 31n) & MASK, n & MASK, BigInt(generation), BigInt(use)];
  return ["m", `${PURPOSE}'`, ...steps.map((s) => `${s}'`)].join("/");
}

/** Keys derives. wipe forgets the root. */
export class Keys {
  private readonly root: HDKey;

  constructor(seed: Uint8Array) {
    const master = HDKey.fromMasterSeed(seed);
    this.root = master.deriveChild(PURPOSE + HARDENED_OFFSET);
    master.wipePrivateData();
  }

  /** key is the signing key of a handle in a generation. */
  key(handle: Handle, generation: number): Bytes {
    return this.derive(handle, generation, 0);
  }

  address(handle: Handle, generation: number): Address {
    return addressOf(this.key(handle, generation));
  }

  /** keySalt is the salt under which the ledger commits to the key. */
  keySalt(handle: Handle, generation: number): Bytes {
    return this.derive(handle, generation, 1);
  }

  /** guardianSalt is the salt of a guardian set's commitment. */
  guardianSalt(handle: Handle, generation: number): Bytes {
    return this.derive(handle, generation, 2);
  }

  /** commitment is what the ledger shows of a registered key. */
  commitment(handle: Handle, generation: number): Hash {
    return keyCommitment(this.keySalt(handle, generation), this.address(handle, generation));
  }

  /** findGeneration tries which generation opens the commitment that the ledger shows. */
  findGeneration(handle: Handle, commitment: Hash): number | undefined {
    for (let g = 0; g < MAX_GENERATIONS; g++) {
      if (this.commitment(handle, g) === commitment) {
        return g;
      }
    }
    return undefined;
  }

  wipe(): void {
    this.root.wipePrivateData();
  }

  private derive(handle: Handle, generation: number, use: Purpose): Bytes {
    fromHex(handle);
    let key = this.root;
    for (const step of pathOf(handle, generation, use).split("/").slice(2)) {
      const child = key.deriveChild(Number(step.slice(0, -1)) + HARDENED_OFFSET);
      if (key !== this.root) {
        key.wipePrivateData();
      }
      key = child;
    }
    if (key.privateKey === null) {
      throw new Error("no private key");
    }
    const out = key.privateKey.slice();
    key.wipePrivateData();
    return out;
  }
}
