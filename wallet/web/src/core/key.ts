/** secp256k1 keys, addresses and signatures, in the forms of chaincode/FORMAT.md section 1. */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

import { type Bytes, concat, fromHex, toHex, utf8 } from "./bytes.ts";
import { Refused } from "./error.ts";
import type { Address, Signature } from "./types.ts";

const ORDER = secp256k1.Point.Fn.ORDER;
const SIGNATURE = /^0x[0-9a-f]{130}$/;

/** addressOf is the address of a private key. */
export function addressOf(privateKey: Uint8Array): Address {
  return addressOfPoint(secp256k1.getPublicKey(privateKey, false));
}

function addressOfPoint(uncompressed: Uint8Array): Address {
  return `0x${toHex(keccak_256(uncompressed.subarray(1)).subarray(12))}`;
}

/** checksummed writes an address with the mixed case of EIP-55, which ERC-4361 wants. */
export function checksummed(address: Address): string {
  const digits = address.slice(2);
  const hash = toHex(keccak_256(utf8(digits)));
  return `0x${[...digits].map((c, i) => ((hash[i] ?? "0") >= "8" ? c.toUpperCase() : c)).join("")}`;
}

/** sign signs a digest with the nonce of RFC 6979; s is low, v is 27 or 28. */
export function sign(privateKey: Uint8Array, digest: Uint8Array): Signature {
  const recovered = secp256k1.sign(digest, privateKey, { prehash: false, lowS: true, format: "recovered" });
  return `0x${toHex(recovered.subarray(1))}${toHex(Uint8Array.of((recovered[0] ?? 0) + 27))}`;
}

/** parseSignature accepts the one text form and checks its ranges. */
export function parseSignature(text: string): Bytes {
  if (!SIGNATURE.test(text)) {
    throw new Refused("signature", "a signature is 0x and 130 lower-case hex digits");
  }
  const bytes = fromHex(text.slice(2));
  const r = BigInt(`0x${text.slice(2, 66)}`);
  const s = BigInt(`0x${text.slice(66, 130)}`);
  const v = bytes[64];
  if (r === 0n || r >= ORDER || s === 0n || s > ORDER / 2n || (v !== 27 && v !== 28)) {
    throw new Refused("signature", "a signature is out of range");
  }
  return bytes;
}

/** recover is the address whose key made the signature. */
export function recover(digest: Uint8Array, signature: Signature): Address {
  const bytes = parseSignature(signature);
  const recovered = concat(Uint8Array.of((bytes[64] ?? 0) - 27), bytes.subarray(0, 64));
  try {
    const point = secp256k1.Signature.fromBytes(recovered, "recovered").recoverPublicKey(digest);
    return addressOfPoint(point.toBytes(false));
  } catch {
    throw new Refused("signature", "a signature is of nobody");
  }
}
