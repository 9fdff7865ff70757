/** The vault: opens, keeps and forgets. While it is locked nothing of its content is anywhere but sealed in storage. */
import { fail, VolensError } from "../api/error.ts";
import type { VaultStatus } from "../api/volens.ts";
import { type Bytes, fromBase64, fromHex, fromUtf8, toBase64, toHex, utf8 } from "../core/bytes.ts";
import { addressOf } from "../core/key.ts";
import type { Address } from "../core/types.ts";
import { type Content, emptyContent, type MemberKey } from "./book.ts";
import { Keys } from "./derive.ts";
import { isPem, publicOf, readPem, thumbprint } from "./pem.ts";
import { newEntropy, parsePhrase, seedOf, suggestWords, wordsOf } from "./phrase.ts";
import { checkPassword, decrypt, encrypt, importDataKey, keyOfSecret, newDataKey, newKdf, stretch, type VaultFile } from "./seal.ts";
import { type Storage, VAULT } from "./storage.ts";

const NAME = VAULT;
const WRAP = "volens/vault-key/1";
const CONTENT = "volens/vault/1";
const QUIZ = 3;

/** What a vault stands on. */
export interface VaultConfig {
  storage: Storage;
  random: (bytes: Uint8Array) => void;
  /** scrypt's cost; below 17 for tests only. */
  logN?: number;
  /** Called when the vault locks, by whatever cause. */
  onLock: () => void;
  onUnlock: () => void;
}

interface Open {
  file: VaultFile;
  dataKey: CryptoKey;
  content: Content;
  keys?: Keys;
}

/** Safe is the vault of one device. */
export class Safe {
  private readonly config: VaultConfig;
  private open: Open | undefined;
  private asked: number[] = [];
  private saving: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(config: VaultConfig) {
    this.config = config;
  }

  async status(): Promise<VaultStatus> {
    const file = this.open?.file ?? (await this.read());
    const content = this.open?.content;
    return {
      exists: file !== undefined, unlocked: content !== undefined, phraseSeen: content?.phraseSeen ?? true, hasPhrase: content?.entropy !== undefined,
      kdf: file?.kdf.name ?? "scrypt", passkey: file?.passkey !== undefined, autoLockMinutes: content?.autoLockMinutes ?? 10,
    };
  }

  /** content of the open vault; "locked" when it is not. */
  content(): Content {
    return this.opened().content;
  }

  /** keys of the phrase. */
  keys(): Keys {
    return this.opened().keys ?? fail("no-vault", "this vault has no phrase");
  }

  async create(password: string): Promise<{ words: string[] }> {
    const entropy = newEntropy(this.config.random);
    await this.begin(password, { entropy, seen: false });
    return { words: wordsOf(entropy) };
  }

  async import(words: string, password: string): Promise<void> {
    await this.begin(password, { entropy: parsePhrase(words), seen: true });
  }

  async importKey(text: string, password?: string): Promise<{ address: Address }> {
    const made = await readKey(text);
    const { address } = made;
    if (this.open === undefined) {
      await this.begin(password ?? fail("locked", "unlock the vault first"), {});
    }
    const { memberKeys } = this.content();
    if (!memberKeys.some((k) => k.address === address)) {
      memberKeys.push(made);
      await this.save();
    }
    return { address };
  }

  words(): string[] {
    const { content } = this.opened();
    return content.phraseSeen || content.entropy === undefined ? fail("phrase", "the phrase was confirmed and is not shown again") : wordsOf(fromHex(content.entropy));
  }

  quiz(): number[] {
    this.words();
    const pool = Array.from({ length: 24 }, (_, i) => i + 1);
    const draw = new Uint8Array(QUIZ);
    this.config.random(draw);
    this.asked = Array.from(draw, (b) => pool.splice(b % pool.length, 1)[0] ?? 1).sort((a, b) => a - b);
    return this.asked;
  }

  async confirm(answers: readonly { position: number; word: string }[]): Promise<void> {
    const words = this.words();
    const right = this.asked.length > 0 && this.asked.every((p) => answers.some((a) => a.position === p && a.word.trim().toLowerCase() === words[p - 1]));
    if (!right) {
      fail("quiz", "a word is not the one at that place");
    }
    this.content().phraseSeen = true;
    await this.save();
  }

  suggest(prefix: string): string[] {
    return suggestWords(prefix);
  }

  async unlock(password: string): Promise<void> {
    const file = await this.needFile();
    await this.enter(file, await stretch(password, file.kdf), file.wrapped);
  }

  async unlockWithSecret(secret: Uint8Array): Promise<void> {
    const file = await this.needFile();
    const passkey = file.passkey ?? fail("unsupported", "no passkey opens this vault");
    await this.enter(file, await keyOfSecret(secret), passkey.wrapped);
  }

  /** passkeyHint says which passkey to ask for. */
  async passkeyHint(): Promise<{ id: string; salt: string } | undefined> {
    const file = await this.read();
    return file?.passkey === undefined ? undefined : { id: file.passkey.id, salt: file.passkey.salt };
  }

  async addPasskey(password: string, id: string, salt: string, secret: Uint8Array): Promise<void> {
    const { file } = this.opened();
    const raw = (await decrypt(await stretch(password, file.kdf), WRAP, file.wrapped)) ?? fail("password", "the password does not open the vault");
    file.passkey = { id, salt, wrapped: await encrypt(await keyOfSecret(secret), WRAP, raw, this.config.random) };
    raw.fill(0);
    await this.save();
  }

  async removePasskey(): Promise<void> {
    delete this.opened().file.passkey;
    await this.save();
  }

  lock(): void {
    clearTimeout(this.timer);
    if (this.open !== undefined) {
      this.open.keys?.wipe();
      this.open = undefined;
      this.asked = [];
      this.config.onLock();
    }
  }

  async changePassword(old: string, next: string): Promise<void> {
    checkPassword(next);
    const { file } = this.opened();
    const raw = (await decrypt(await stretch(old, file.kdf), WRAP, file.wrapped)) ?? fail("password", "the password does not open the vault");
    const { kdf, key } = await newKdf(next, this.config.random, this.config.logN);
    file.kdf = kdf;
    file.wrapped = await encrypt(key, WRAP, raw, this.config.random);
    raw.fill(0);
    await this.save();
  }

  async setAutoLock(minutes: number): Promise<void> {
    this.content().autoLockMinutes = Math.min(Math.max(Math.round(minutes), 1), 60);
    this.touch();
    await this.save();
  }

  touch(): void {
    clearTimeout(this.timer);
    if (this.open !== undefined) {
      this.timer = setTimeout(() => this.lock(), this.open.content.autoLockMinutes * 60_000);
      (this.timer as { unref?: () => void }).unref?.();
    }
  }

  async backup(): Promise<string> {
    return JSON.stringify(await this.needFile());
  }

  /** restore opens the file before it takes the place of anything: a wrong one changes nothing. Where it replaces a vault, that one locks. */
  async restore(text: string, password: string, replace = false): Promise<void> {
    if (!replace) {
      await this.needNone();
    }
    const file = parseFile(text);
    const open = await this.openFile(file, await stretch(password, file.kdf), file.wrapped);
    await this.put(file);
    if (this.open === undefined) {
      this.begun(open);
    } else {
      this.lock();
    }
  }

  /** destroy asks for no password: who has forgotten it must be able to begin again, and whoever holds the device can clear its storage. */
  async destroy(): Promise<void> {
    await this.needFile();
    this.lock();
    await this.config.storage.remove(NAME);
  }

  /** save seals the content anew. Another window that has saved since wins: this one locks. */
  async save(): Promise<void> {
    this.saving = this.saving.catch(() => undefined).then(() => this.saveNow());
    await this.saving;
  }

  private async saveNow(): Promise<void> {
    const { file, dataKey, content } = this.opened();
    const stored = await this.read();
    if (stored !== undefined && stored.revision !== file.revision) {
      this.lock();
      fail("storage", "another window has changed the vault");
    }
    file.content = await encrypt(dataKey, CONTENT, utf8(JSON.stringify(content)), this.config.random);
    file.revision++;
    await this.put(file);
  }

  private async put(file: VaultFile): Promise<void> {
    try {
      await this.config.storage.set(NAME, JSON.stringify(file));
    } catch (error) {
      throw new VolensError("storage", error instanceof Error ? error.message : "the browser's storage failed");
    }
  }

  private opened(): Open {
    return this.open ?? fail("locked", "the vault is locked");
  }

  private async read(): Promise<VaultFile | undefined> {
    const text = await this.config.storage.get(NAME);
    return text === undefined ? undefined : parseFile(text);
  }

  private async needFile(): Promise<VaultFile> {
    return (await this.read()) ?? fail("no-vault", "there is no vault on this device");
  }

  private async needNone(): Promise<void> {
    if ((await this.config.storage.get(NAME)) !== undefined) {
      fail("exists-here", "there is a vault on this device");
    }
  }

  private async begin(password: string, phrase: { entropy?: Uint8Array; seen?: boolean }): Promise<void> {
    checkPassword(password);
    await this.needNone();
    const { random } = this.config;
    const content = emptyContent();
    if (phrase.entropy !== undefined) {
      content.entropy = toHex(phrase.entropy);
      content.phraseSeen = phrase.seen === true;
    }
    const { key: dataKey, raw } = await newDataKey(random);
    const { kdf, key } = await newKdf(password, random, this.config.logN);
    const file: VaultFile = {
      version: 1, revision: 0, kdf, wrapped: await encrypt(key, WRAP, raw, random), content: await encrypt(dataKey, CONTENT, utf8(JSON.stringify(content)), random),
    };
    raw.fill(0);
    await this.put(file);
    this.begun({ file, dataKey, content });
  }

  private async enter(file: VaultFile, key: CryptoKey, wrapped: VaultFile["wrapped"]): Promise<void> {
    this.begun(await this.openFile(file, key, wrapped));
  }

  private async openFile(file: VaultFile, key: CryptoKey, wrapped: VaultFile["wrapped"]): Promise<Open> {
    const raw = (await decrypt(key, WRAP, wrapped)) ?? fail("password", "the password does not open the vault");
    const dataKey = await importDataKey(raw);
    const plain = (await decrypt(dataKey, CONTENT, file.content)) ?? fail("corrupt", "the vault is damaged");
    return { file, dataKey, content: parseContent(plain) };
  }

  private begun(open: Open): void {
    this.lock();
    if (open.content.entropy !== undefined) {
      const seed = seedOf(fromHex(open.content.entropy));
      open.keys = new Keys(seed);
      seed.fill(0);
    }
    this.open = open;
    this.touch();
    this.config.onUnlock();
  }
}

function parseFile(text: string): VaultFile {
  try {
    const file = JSON.parse(text) as VaultFile;
    fromBase64(file.content.data);
    fromBase64(file.wrapped.data);
    if (file.version as number !== 1 || typeof file.revision !== "number" || !["scrypt", "pbkdf2"].includes(file.kdf.name)) {
      fail("corrupt", "the vault is of another version");
    }
    return file;
  } catch (error) {
    throw error instanceof VolensError ? error : new VolensError("corrupt", "the vault is not readable");
  }
}

function parseContent(plain: Bytes): Content {
  try {
    const content = JSON.parse(fromUtf8(plain)) as Content;
    plain.fill(0);
    return { ...emptyContent(), ...content };
  } catch {
    return fail("corrupt", "the vault's content is not readable");
  }
}

/** readKey reads an organisation's key: 64 hex digits on a line, or PKCS #8 in PEM. */
async function readKey(text: string): Promise<MemberKey> {
  if (!isPem(text)) {
    const digits = text.trim();
    return /^[0-9a-f]{64}$/.test(digits) ? walletKey(fromHex(digits)) : fail("key", "a key is 64 lower-case hex digits, or PKCS #8 in PEM");
  }
  const pem = readPem(text);
  if (pem.kind === "secp256k1") {
    return walletKey(pem.key);
  }
  const own = await publicOf(pem.alg, pem.der);
  return { address: thumbprint(own), key: toBase64(pem.der), jwt: { alg: pem.alg, public: own } };
}

function walletKey(raw: Uint8Array): MemberKey {
  try {
    return { address: addressOf(raw), key: toHex(raw) };
  } catch {
    return fail("key", "not a private key");
  }
}
