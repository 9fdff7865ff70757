import { HDKey } from "@scure/bip32";
import { entropyToMnemonic, mnemonicToSeedSync } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { describe, expect, it } from "vitest";

import { fromHex, toHex } from "../core/bytes.ts";
import { checksummed } from "../core/key.ts";
import { vectors } from "../core/testdata.ts";
import { Keys, pathOf } from "./derive.ts";
import { parsePhrase, seedOf, suggestWords, wordsOf } from "./phrase.ts";

interface Derivation {
  phrase: string;
  passphrase: string;
  handle: string;
  generation: number;
  path: string;
  privateKey: string;
  address: string;
  keySalt: string;
  guardianSalt: string;
  keyCommit: string;
}

describe("keys as the Go wallet derives them", () => {
  const all = vectors<Derivation[]>("wallet/testdata/derivation.json");
  it("has vectors", () => {
    expect(all.length).toBeGreaterThan(5);
  });
  it.each(all)("$handle generation $generation", (v) => {
    const keys = new Keys(mnemonicToSeedSync(v.phrase, v.passphrase));
    expect(pathOf(v.handle, v.generation, 0)).toBe(v.path);
    expect(toHex(keys.key(v.handle, v.generation))).toBe(v.privateKey);
    expect(checksummed(keys.address(v.handle, v.generation))).toBe(v.address);
    expect(toHex(keys.keySalt(v.handle, v.generation))).toBe(v.keySalt);
    expect(toHex(keys.guardianSalt(v.handle, v.generation))).toBe(v.guardianSalt);
    expect(keys.commitment(v.handle, v.generation)).toBe(v.keyCommit);
    expect(keys.findGeneration(v.handle, v.keyCommit)).toBe(v.generation < 64 ? v.generation : undefined);
    keys.wipe();
    expect(() => keys.key(v.handle, v.generation)).toThrow();
  });
});

interface Bip39 {
  entropy: string;
  mnemonic: string;
  seed: string;
  passphrase: string;
}

describe("BIP-39", () => {
  const all = vectors<Bip39[]>("wallet/hd/testdata/bip39/vectors.json");
  it.each(all)("$mnemonic", (v) => {
    expect(entropyToMnemonic(fromHex(v.entropy), wordlist)).toBe(v.mnemonic);
    expect(toHex(mnemonicToSeedSync(v.mnemonic, v.passphrase))).toBe(v.seed);
    if (v.entropy.length === 64) {
      expect(toHex(parsePhrase(`  ${v.mnemonic.toUpperCase().replaceAll(" ", "\n ")} `))).toBe(v.entropy);
      expect(toHex(seedOf(fromHex(v.entropy)))).toBe(toHex(mnemonicToSeedSync(v.mnemonic, "")));
      const words = wordsOf(fromHex(v.entropy));
      words[0] = words[0] === "zoo" ? "zone" : "zoo";
      expect(() => parsePhrase(words.join(" "))).toThrow("phrase");
    } else {
      expect(() => parsePhrase(v.mnemonic)).toThrow("phrase");
    }
  });
  it("suggests words", () => {
    expect(suggestWords("aban")).toEqual(["abandon"]);
    expect(suggestWords("")).toEqual([]);
  });
});

interface Bip32 {
  seed: string;
  path: string;
  xprv: string;
}

describe("BIP-32", () => {
  it.each(vectors<Bip32[]>("wallet/hd/testdata/bip32/derivation.json"))("$seed $path", (v) => {
    expect(HDKey.fromMasterSeed(fromHex(v.seed)).derive(v.path.replaceAll("H", "'")).privateExtendedKey).toBe(v.xprv);
  });
});
