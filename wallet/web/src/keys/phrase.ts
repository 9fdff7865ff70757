/** The recovery phrase: 24 words of BIP-39's English list. */
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";

import { fail } from "../api/error.ts";

const WORDS = 24;

/** newEntropy draws the 32 bytes that a phrase stands for. */
export function newEntropy(random: (bytes: Uint8Array) => void): Uint8Array {
  const entropy = new Uint8Array(32);
  random(entropy);
  return entropy;
}

/** wordsOf writes entropy as words. */
export function wordsOf(entropy: Uint8Array): string[] {
  return entropyToMnemonic(entropy, wordlist).split(" ");
}

/** parsePhrase reads words as people type them: any case, any space. "phrase" when a word or the checksum is wrong. */
export function parsePhrase(text: string): Uint8Array {
  const words = text.normalize("NFKD").toLowerCase().trim().split(/\s+/u);
  if (words.length !== WORDS) {
    fail("phrase", `a phrase has ${WORDS} words, these are ${words.length}`);
  }
  try {
    return mnemonicToEntropy(words.join(" "), wordlist);
  } catch {
    return fail("phrase", "a word is not in the list, or one is wrong or in another place");
  }
}

/** seedOf is the seed that every key comes from. */
export function seedOf(entropy: Uint8Array): Uint8Array {
  return mnemonicToSeedSync(entropyToMnemonic(entropy, wordlist), "");
}

/** suggestWords lists the words that begin so, 8 at most. */
export function suggestWords(prefix: string): string[] {
  const begin = prefix.trim().toLowerCase();
  return begin === "" ? [] : wordlist.filter((w) => w.startsWith(begin)).slice(0, 8);
}
