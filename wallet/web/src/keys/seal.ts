/**
 * How the vault is sealed. A random data key encrypts the content (AES-256-GCM). The data key is wrapped by a key from the
 * password: scrypt (OWASP: N 2^17, r 8, p 1; 128 MiB), or PBKDF2-HMAC-SHA-512 with 210,000 rounds where the memory is not there;
 * and, where the owner wants it, by a secret of a passkey (WebAuthn PRF).
 */
import { scryptAsync } from "@noble/hashes/scrypt.js";

import { VolensError } from "../api/error.ts";
import { type Bytes, fromBase64, toBase64, utf8 } from "../core/bytes.ts";

const SCRYPT_LOG_N = 17;
const MIN_LOG_N = 10; // of a file that is read; new ones have SCRYPT_LOG_N
const MAX_LOG_N = 20;
const PBKDF2_ROUNDS = 210_000;
const MAX_ROUNDS = 10_000_000;
const SALT = 16;
const IV = 12;
const KEY = 32;
const MIN_PASSWORD = 10;

/** What turns a password into a key. */
export type Kdf = { name: "scrypt"; logN: number; salt: string } | { name: "pbkdf2"; rounds: number; salt: string };

/** Something encrypted: base64 of IV and ciphertext. */
export interface Box {
  iv: string;
  data: string;
}

/** The file of a vault. Nothing in it is readable but how to begin. */
export interface VaultFile {
  version: 1;
  /** Counts saves, so that a window does not undo what another one wrote. */
  revision: number;
  kdf: Kdf;
  wrapped: Box;
  passkey?: { id: string; salt: string; wrapped: Box };
  content: Box;
}

type Random = (bytes: Uint8Array) => void;

function draw(random: Random, n: number): Bytes {
  const out = new Uint8Array(n);
  random(out);
  return out;
}

/** checkPassword refuses a weak one. */
export function checkPassword(password: string): void {
  if (Array.from(password.normalize("NFKD")).length < MIN_PASSWORD) {
    throw new VolensError("weak-password", `a password has at least ${MIN_PASSWORD} characters`);
  }
}

async function gcmKey(raw: Bytes): Promise<CryptoKey> {
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  raw.fill(0);
  return key;
}

/** encrypt seals bytes for one purpose. */
export async function encrypt(key: CryptoKey, purpose: string, plain: Bytes, random: Random): Promise<Box> {
  const iv = draw(random, IV);
  const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(purpose) }, key, plain);
  return { iv: toBase64(iv), data: toBase64(new Uint8Array(data)) };
}

/** decrypt opens what encrypt sealed; undefined when key, purpose or bytes are others. */
export async function decrypt(key: CryptoKey, purpose: string, box: Box): Promise<Bytes | undefined> {
  try {
    const algorithm = { name: "AES-GCM", iv: fromBase64(box.iv), additionalData: utf8(purpose) };
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, fromBase64(box.data)));
  } catch {
    return undefined;
  }
}

/** newKdf chooses how a new password is stretched. logN below 17 is for tests. */
export async function newKdf(password: string, random: Random, logN = SCRYPT_LOG_N): Promise<{ kdf: Kdf; key: CryptoKey }> {
  const salt = toBase64(draw(random, SALT));
  try {
    const kdf: Kdf = { name: "scrypt", logN, salt };
    return { kdf, key: await stretch(password, kdf) };
  } catch (error) {
    if (error instanceof VolensError) {
      throw error;
    }
    const kdf: Kdf = { name: "pbkdf2", rounds: PBKDF2_ROUNDS, salt };
    return { kdf, key: await stretch(password, kdf) };
  }
}

/** stretch makes the key of a password. Parameters out of bounds are refused before any work is done for them. */
export async function stretch(password: string, kdf: Kdf): Promise<CryptoKey> {
  const secret = utf8(password.normalize("NFKD"));
  const salt = fromBase64(kdf.salt);
  if (kdf.name === "scrypt") {
    if (kdf.logN < MIN_LOG_N || kdf.logN > MAX_LOG_N || !Number.isInteger(kdf.logN)) {
      throw new VolensError("corrupt", "the vault asks for a key derivation out of bounds");
    }
    const raw = await scryptAsync(secret, salt, { N: 2 ** kdf.logN, r: 8, p: 1, dkLen: KEY, asyncTick: 100 });
    return gcmKey(raw);
  }
  if (kdf.rounds < PBKDF2_ROUNDS || kdf.rounds > MAX_ROUNDS) {
    throw new VolensError("corrupt", "the vault asks for a key derivation out of bounds");
  }
  const base = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt, iterations: kdf.rounds }, base, KEY * 8);
  return gcmKey(new Uint8Array(bits));
}

/** keyOfSecret is the wrapping key of a passkey's secret. */
export async function keyOfSecret(secret: Uint8Array): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", secret.slice(), "HKDF", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8("volens/passkey/1") }, base, KEY * 8);
  return gcmKey(new Uint8Array(bits));
}

/** newDataKey draws a data key and returns it with its bytes, which the caller wraps and wipes. */
export async function newDataKey(random: Random): Promise<{ key: CryptoKey; raw: Bytes }> {
  const raw = draw(random, KEY);
  return { key: await gcmKey(raw.slice()), raw };
}

/** importDataKey makes a data key of unwrapped bytes and wipes them. */
export async function importDataKey(raw: Bytes): Promise<CryptoKey> {
  return gcmKey(raw);
}
