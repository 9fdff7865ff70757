/** EIP-712: the digest of typed data, rebuilt from the value itself and never from anything received as typed data. */
import { keccak_256 } from "@noble/hashes/sha3.js";

import { type Bytes, concat, fromHex, utf8 } from "./bytes.ts";
import { ALL, type Struct, structOf, type Types } from "./schema.ts";
import type { Hash, Value } from "./types.ts";

/** The letters "volens" as a number: no public chain has it. */
export const CHAIN_ID = 0x766f6c656e73n;

const ARRAY = /^(.*)\[(\d*)\]$/;

function keccak(bytes: Uint8Array): Bytes {
  return keccak_256(bytes);
}

function base(type: string): string {
  return type.replace(/(\[\d*\])+$/, "");
}

function signature(name: string, members: Struct): string {
  return `${name}(${members.map((m) => `${m.type} ${m.name}`).join(",")})`;
}

/** encodeType is the type's own text, then those of the structs that it uses, by name. */
export function encodeType(name: string, types: Types = ALL): string {
  const used = new Set<string>();
  const visit = (type: string): void => {
    if (Object.hasOwn(types, type) && !used.has(type)) {
      used.add(type);
      structOf(type, types).forEach((m) => visit(base(m.type)));
    }
  };
  visit(name);
  used.delete(name);
  return [name, ...[...used].sort()].map((n) => signature(n, structOf(n, types))).join("");
}

/** hashStruct is EIP-712's. */
export function hashStruct(name: string, value: unknown, types: Types = ALL): Bytes {
  const fields = value as Record<string, Value | undefined>;
  const words = structOf(name, types).map((m) => word(m.type, fields[m.name], types));
  return keccak(concat(keccak(utf8(encodeType(name, types))), ...words));
}

function word(type: string, value: Value | undefined, types: Types): Bytes {
  const element = ARRAY.exec(type)?.[1];
  if (element !== undefined) {
    return keccak(concat(...((value ?? []) as Value[]).map((one) => word(element, one, types))));
  }
  if (Object.hasOwn(types, type)) {
    return value === undefined ? new Uint8Array(32) : hashStruct(type, value, types);
  }
  return atom(type, value);
}

function atom(type: string, value: Value | undefined): Bytes {
  const out = new Uint8Array(32);
  if (type === "string") {
    return keccak(utf8((value ?? "") as string));
  }
  if (type === "bytes") {
    return keccak(hex(value));
  }
  if (type === "bool") {
    out[31] = value === true ? 1 : 0;
  } else if (type === "address") {
    out.set(hex(value), 12);
  } else if (type.startsWith("bytes")) {
    out.set(hex(value));
  } else {
    number(out, BigInt(value as string));
  }
  return out;
}

function hex(value: Value | undefined): Bytes {
  return fromHex(((value ?? "") as string).replace(/^0x/, "").toLowerCase());
}

function number(out: Uint8Array, n: bigint): void {
  let rest = BigInt.asUintN(256, n);
  for (let i = 31; i >= 0; i--) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

const DOMAIN: Types = {
  EIP712Domain: [
    { name: "name", type: "string" },
    { name: "version", type: "string" },
    { name: "chainId", type: "uint256" },
    { name: "salt", type: "bytes32" },
  ],
};

/** separator is the hash of a ledger's domain. */
export function separator(ledger: Hash): Bytes {
  return hashStruct("EIP712Domain", { name: "Volens", version: "1", chainId: CHAIN_ID.toString(), salt: ledger }, DOMAIN);
}

/** typedDigest is Keccak-256(1901 ‖ domain separator ‖ hashStruct). */
export function typedDigest(domain: Uint8Array, struct: Uint8Array): Bytes {
  return keccak(concat(Uint8Array.of(0x19, 0x01), domain, struct));
}

/** personalDigest is EIP-191's digest of a text that a person signs (ERC-4361). */
export function personalDigest(text: string): Bytes {
  const bytes = utf8(text);
  return keccak(concat(utf8(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes));
}

/** typedData is the message as other wallets would be given it, for people who want to see it. */
export function typedData(ledger: Hash, type: string, body: unknown): unknown {
  const types: Record<string, Struct> = { ...DOMAIN };
  const visit = (name: string): void => {
    if (Object.hasOwn(ALL, name) && !(name in types)) {
      types[name] = structOf(name).map(({ name: n, type: t }) => ({ name: n, type: t }));
      structOf(name).forEach((m) => visit(base(m.type)));
    }
  };
  visit(type);
  const domain = { name: "Volens", version: "1", chainId: CHAIN_ID.toString(), salt: `0x${ledger}` };
  return { types, primaryType: type, domain, message: prefixed(type, body as Value) };
}

function prefixed(type: string, value: Value): Value {
  if (type.endsWith("[]")) {
    return (value as Value[]).map((one) => prefixed(type.slice(0, -2), one));
  }
  if (/^bytes\d+$/.test(type)) {
    return `0x${value as string}`;
  }
  if (!Object.hasOwn(ALL, type)) {
    return value;
  }
  const fields = value as Record<string, Value>;
  return Object.fromEntries(structOf(type).map((m) => [m.name, prefixed(m.type, fields[m.name] ?? "")]));
}
