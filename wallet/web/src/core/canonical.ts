/** Canonical bytes (chaincode/FORMAT.md section 2): one value has one encoding, and decode refuses every other byte string. */
import { type Bytes, concat, fromHex, fromUtf8, toHex, uint32, uint64, utf8 } from "./bytes.ts";
import { malformed } from "./error.ts";
import { structOf } from "./schema.ts";
import type { Value } from "./types.ts";

type Fields = Record<string, Value | undefined>;

function sizeOf(type: string): number | undefined {
  if (type === "address") {
    return 20;
  }
  const n = /^bytes(\d+)$/.exec(type)?.[1];
  return n === undefined ? undefined : Number(n);
}

/** encode is the canonical bytes of a value of a type. A struct's members that are absent are empty. */
export function encode(type: string, value: unknown): Bytes {
  const parts: Uint8Array[] = [];
  append(parts, type, value as Value | undefined);
  return concat(...parts);
}

function append(out: Uint8Array[], type: string, value: Value | undefined): void {
  if (type.endsWith("?")) {
    out.push(Uint8Array.of(value === undefined ? 0 : 1));
    if (value !== undefined) {
      append(out, type.slice(0, -1), value);
    }
    return;
  }
  if (type.endsWith("[]")) {
    const list = (value ?? []) as Value[];
    out.push(uint32(list.length));
    for (const one of list) {
      append(out, type.slice(0, -2), one);
    }
    return;
  }
  const size = sizeOf(type);
  if (size !== undefined) {
    out.push(fixed(value as string, size, type === "address"));
    return;
  }
  switch (type) {
    case "uint64":
    case "int64":
      out.push(uint64(BigInt(value as string)));
      return;
    case "bool":
      out.push(Uint8Array.of(value === true ? 1 : 0));
      return;
    case "string": {
      const bytes = utf8((value ?? "") as string);
      out.push(uint32(bytes.length), bytes);
      return;
    }
  }
  const fields = (value ?? {}) as Fields;
  for (const member of structOf(type)) {
    append(out, member.type, fields[member.name]);
  }
}

function fixed(text: string, size: number, prefixed: boolean): Bytes {
  const bytes = fromHex(prefixed ? text.slice(2) : text);
  if (bytes.length !== size || (prefixed && !text.startsWith("0x"))) {
    malformed(`not ${size} bytes`);
  }
  return bytes;
}

/** decode reads the canonical bytes of exactly one value. */
export function decode(type: string, bytes: Uint8Array): Value {
  const reader = new Reader(bytes);
  const value = reader.value(type);
  reader.end();
  if (value === undefined) {
    malformed("no value");
  }
  return value;
}

/** Reader reads canonical values one after the other. */
export class Reader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** take returns the next n bytes. */
  take(n: number): Uint8Array {
    if (n > this.bytes.length - this.at) {
      malformed("canonical bytes end too early");
    }
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }

  byte(): number {
    return this.take(1)[0] ?? malformed("canonical bytes end too early");
  }

  uint32(): number {
    const b = this.take(4);
    return new DataView(b.buffer, b.byteOffset, 4).getUint32(0);
  }

  uint64(): bigint {
    const b = this.take(8);
    return new DataView(b.buffer, b.byteOffset, 8).getBigUint64(0);
  }

  flag(): boolean {
    const b = this.byte();
    if (b > 1) {
      malformed("a flag is 0 or 1");
    }
    return b === 1;
  }

  end(): void {
    if (this.at !== this.bytes.length) {
      malformed(`${this.bytes.length - this.at} bytes too many`);
    }
  }

  value(type: string): Value | undefined {
    if (type.endsWith("?")) {
      return this.flag() ? this.value(type.slice(0, -1)) : undefined;
    }
    if (type.endsWith("[]")) {
      return this.list(type.slice(0, -2));
    }
    const size = sizeOf(type);
    if (size !== undefined) {
      return (type === "address" ? "0x" : "") + toHex(this.take(size));
    }
    switch (type) {
      case "uint64":
        return this.uint64().toString();
      case "int64":
        return BigInt.asIntN(64, this.uint64()).toString();
      case "bool":
        return this.flag();
      case "string":
        return fromUtf8(this.take(this.uint32()));
    }
    const out: Record<string, Value> = {};
    for (const member of structOf(type)) {
      const value = this.value(member.type);
      if (value !== undefined) {
        out[member.name] = value;
      }
    }
    return out;
  }

  private list(type: string): Value[] {
    const n = this.uint32();
    if (n > (this.bytes.length - this.at) / 4) {
      malformed("canonical bytes end too early");
    }
    const out: Value[] = [];
    for (let i = 0; i < n; i++) {
      const value = this.value(type);
      if (value !== undefined) {
        out.push(value);
      }
    }
    return out;
  }
}
