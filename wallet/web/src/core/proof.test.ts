import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { fromBase64, fromHex, toHex } from "./bytes.ts";
import { decode, encode } from "./canonical.ts";
import { Refused } from "./error.ts";
import { checkConsistency, checkInclusion, leafHash, nodeHash, treeRoot } from "./merkle.ts";
import { openNote, parseVerifier } from "./note.ts";
import { checkStatement, openUseCheckpoint, type Seen } from "./statement.ts";
import { vectors } from "./testdata.ts";
import type { Statement, Use, Value } from "./types.ts";
import { pseudonym, slotLeafHash, subjectSalt, useCommitment, useLeaf, useLeafHash } from "./use.ts";

interface Inclusion {
  id: string;
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
  proof: string[] | null;
  wantErr: boolean;
}

interface Consistency {
  id: string;
  size1: number;
  size2: number;
  root1: string;
  root2: string;
  proof: string[] | null;
  wantErr: boolean;
}

const TREES = "network/journal/testdata/rfc6962-merkle";
const base64 = (text: string | null) => fromBase64(text ?? "");

function outcome(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(Refused);
    return false;
  }
}

describe("RFC 6962", () => {
  it.each(vectors<Inclusion[]>(`${TREES}/inclusion.json`))("inclusion $id", (v) => {
    const ok = outcome(() =>
      checkInclusion((v.proof ?? []).map(base64), BigInt(v.treeSize), base64(v.root), BigInt(v.leafIdx), base64(v.leafHash)),
    );
    expect(ok).toBe(!v.wantErr);
  });
  it.each(vectors<Consistency[]>(`${TREES}/consistency.json`))("consistency $id", (v) => {
    const ok = outcome(() =>
      checkConsistency((v.proof ?? []).map(base64), BigInt(v.size2), base64(v.root2), BigInt(v.size1), base64(v.root1)),
    );
    expect(ok).toBe(!v.wantErr && v.size1 > 0); // from an empty tree there is nothing to prove
  });
  it("roots", () => {
    const v = vectors<{ leaves: string[]; roots: Record<string, string> }>(`${TREES}/roots.json`);
    for (const [n, root] of Object.entries(v.roots)) {
      expect(toHex(treeRoot(v.leaves.slice(0, Number(n)).map((l) => leafHash(fromHex(l)))))).toBe(root);
    }
  });
});

interface NoteVector {
  kind: string;
  note: string;
  verifiers: string[];
  valid: boolean;
}

describe("signed notes", () => {
  const all = vectors<NoteVector[]>("network/journal/testdata/signed-note/vectors.json").filter((v) => v.kind === "openNote");
  it("has vectors", () => {
    expect(all.length).toBe(5);
  });
  it.each(all)("$verifiers", (v) => {
    expect(outcome(() => openNote(v.note, v.verifiers.map(parseVerifier)))).toBe(v.valid);
  });
});

interface Step {
  before: Seen;
  statement: Statement;
  after: Seen;
}

interface UseVectors {
  origin: string;
  verifierKey: string;
  handle: string;
  slot: string;
  subjectSalt: string;
  pseudonym: string;
  uses: { use: Use; canonical: string; commitment: string; prev: string; leaf: string; leafHash: string }[];
  slotLeaves: string[];
  emptySlot: string;
  checkpoint: string;
  first: Step;
  second: Step;
}

const v = vectors<UseVectors>("gateway/uses/testdata/vectors.json");
const log = { origin: v.origin, verifier: parseVerifier(v.verifierKey) };

describe("the use log as Go writes it", () => {
  it.each(v.uses)("use $use.useSeq", (u) => {
    expect(toHex(encode("Use", u.use))).toBe(u.canonical);
    expect(toHex(encode("Use", decode("Use", fromHex(u.canonical))))).toBe(u.canonical);
    expect(toHex(useCommitment(u.use))).toBe(u.commitment);
    expect(toHex(useLeaf(u.use, BigInt(v.slot), v.subjectSalt, u.prev))).toBe(u.leaf);
    expect(toHex(useLeafHash(u.use, BigInt(v.slot), v.subjectSalt, u.prev))).toBe(u.leafHash);
  });
  it("slots and salts", () => {
    expect(subjectSalt(v.uses[0]?.use.salt ?? "")).toBe(v.subjectSalt);
    expect(toHex(pseudonym(v.handle, v.subjectSalt))).toBe(v.pseudonym);
    expect(toHex(slotLeafHash(new Uint8Array(32), 0n, new Uint8Array(32)))).toBe(v.emptySlot);
    expect(openUseCheckpoint(log, v.checkpoint).size).toBe(2n);
  });
  it.each([["first", v.first], ["second", v.second]] as const)("%s statement", (_, step) => {
    const found = checkStatement(log, step.before, v.handle, v.slot, step.statement);
    expect(found.fault).toBeUndefined();
    expect(found.next).toEqual(step.after);
  });
  it("says fork when another history is shown, rollback when a shorter one is", () => {
    const fork = checkStatement(log, { ...v.second.before, root: "1".repeat(64) }, v.handle, v.slot, v.second.statement);
    expect(fork.fault?.kind).toBe("fork");
    const since = { ...v.second.statement, since: "3" };
    const back = checkStatement(log, { ...v.second.before, size: "3" }, v.handle, v.slot, since);
    expect(back.fault?.kind).toBe("rollback");
  });
});

/** every leaf of a JSON value, as paths. */
function paths(value: unknown, at: (string | number)[] = []): (string | number)[][] {
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([k, one]) => paths(one, [...at, Array.isArray(value) ? Number(k) : k]));
  }
  return [at];
}

function changed<T>(value: T, path: readonly (string | number)[], change: (old: string) => string): T {
  const copy = structuredClone(value);
  let at = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) {
    at = at[step] as Record<string | number, unknown>;
  }
  const last = path.at(-1) ?? "";
  at[last] = change(at[last] as string);
  return copy;
}

describe("a tampered statement", () => {
  const sound = { ...v.second.statement };
  // After a fresh start every member counts; since is the checker's own.
  it("fails whatever text in it is changed", () => {
    for (const path of paths(sound)) {
      const bad = changed(sound, path, (old) => (/^\d+$/.test(old) ? (BigInt(old) + 1n).toString() : (old.startsWith("0") ? "1" : "0") + old.slice(1)));
      const found = checkStatement(log, v.second.before, v.handle, v.slot, bad);
      expect(found.fault, path.join(".")).toBeDefined();
      expect(found.next).toBeUndefined();
    }
  });
  it("fails whatever character of the checkpoint is changed", () => {
    fc.assert(
      fc.property(fc.nat(sound.checkpoint.length - 1), fc.constantFrom("A", "0", "=", "\n", " "), (i, c) => {
        fc.pre(sound.checkpoint[i] !== c);
        const checkpoint = sound.checkpoint.slice(0, i) + c + sound.checkpoint.slice(i + 1);
        expect(checkStatement(log, v.second.before, v.handle, v.slot, { ...sound, checkpoint }).fault).toBeDefined();
      }),
    );
  });
  it("fails when an entry is left out, repeated, or of somebody else, and says which", () => {
    const both = { ...v.second.statement, since: "0", consistency: [], entries: [...v.second.statement.entries] };
    const nothing: Seen = { size: "0", root: "0".repeat(64), useSeq: "0", head: "0".repeat(64), subjectSalt: "0".repeat(64) };
    expect(checkStatement(log, nothing, v.handle, v.slot, both).fault).toBeDefined(); // use 1 is missing
    const other = checkStatement(log, v.second.before, "f".repeat(32), v.slot, sound);
    expect(other.entries[0]).toContain("another handle");
    expect(checkStatement(log, v.second.before, v.handle, "1", sound).fault).toBeDefined();
  });
});

describe("trees of any size", () => {
  const leaves = fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 40 });

  function path(hashes: readonly Uint8Array[], index: number): Uint8Array[] {
    if (hashes.length <= 1) {
      return [];
    }
    const split = 2 ** Math.ceil(Math.log2(hashes.length) - 1);
    const left = hashes.slice(0, split);
    const right = hashes.slice(split);
    return index < split ? [...path(left, index), treeRoot(right)] : [...path(right, index - split), treeRoot(left)];
  }

  it("prove every record, and a changed path proves none", () => {
    fc.assert(
      fc.property(leaves, fc.nat(), fc.nat(), (data, at, flip) => {
        const hashes = data.map((d) => leafHash(d));
        const index = at % hashes.length;
        const proof = path(hashes, index);
        const root = treeRoot(hashes);
        const leaf = hashes[index] ?? new Uint8Array();
        checkInclusion(proof, BigInt(hashes.length), root, BigInt(index), leaf);
        const bad = proof.map((h) => h.slice());
        const one = bad[flip % (bad.length || 1)];
        if (one !== undefined) {
          one[flip % 32] = (one[flip % 32] ?? 0) ^ 1;
          expect(() => checkInclusion(bad, BigInt(hashes.length), root, BigInt(index), leaf)).toThrow(Refused);
        }
        expect(() => checkInclusion([...proof, root], BigInt(hashes.length), root, BigInt(index), leaf)).toThrow(Refused);
        expect(() => checkInclusion(proof, BigInt(hashes.length), root, BigInt(index), nodeHash(leaf, leaf))).toThrow(Refused);
      }),
    );
  });
});

describe("canonical bytes", () => {
  const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(toHex);
  const coding = fc.record({ system: fc.string({ unit: "grapheme" }), code: fc.string() });
  const decimal = fc.bigInt(0n, 2n ** 63n - 1n).map(String);
  const consent = fc.record({
    kind: fc.string(), categories: fc.array(coding), identifiers: fc.constant([]), recordedAt: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String),
    grantors: fc.array(fc.string()), grantees: fc.constant([]), controllers: fc.constant([]), period: fc.record({ start: decimal, end: decimal }),
    provisions: fc.constant([]), policies: fc.array(fc.string()), textHash: hex(32), locale: fc.string(), maxUses: decimal, eraseBy: decimal,
    accessMode: fc.constantFrom("", "view", "store"),
  });

  it("go round", () => {
    fc.assert(
      fc.property(consent, (value) => {
        const bytes = encode("Consent", value);
        expect(decode("Consent", bytes)).toEqual(value as unknown as Value);
        expect(() => decode("Consent", bytes.slice(0, -1))).toThrow(Refused);
        expect(() => decode("Consent", Uint8Array.of(...bytes, 0))).toThrow(Refused);
      }),
    );
  });
  it("are one to one: whatever decodes encodes to the same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom("Coding", "Openings", "Head", "Guardians"), (bytes, type) => {
        let value: Value;
        try {
          value = decode(type, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Refused);
          return;
        }
        expect(toHex(encode(type, value))).toBe(toHex(bytes));
      }),
    );
  });
});
