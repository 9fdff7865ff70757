/**
 * What the views can ask for. Everything here happens in the worker that holds the keys (src/worker): the page never has a
 * key, a phrase (but while it shows it) or a token. Every promise rejects with a VolensError.
 */
import type { Address, Consent, Handle, Hash, Member, MemberID, Message, Millis, Receipt, Scope, Uint64 } from "../core/types.ts";
import type { Certificate } from "../papers/certificate.ts";
import type { Organisation } from "./organisation.ts";
import type { Uses } from "./uses.ts";
import type { Access, Asked, ConsentEntry, LedgerInfo, Me, Preview, SharedDocument } from "./wire.ts";

export type * from "./organisation.ts";
export type * from "./uses.ts";

/** What went wrong, for the views to put into words: translate by code, never show detail alone. */
export type ErrorCode =
  // this device
  | "locked" | "no-vault" | "exists-here" | "password" | "weak-password" | "phrase" | "quiz" | "corrupt" | "storage" | "unsupported"
  // trust: stop and tell the person
  | "pinned" | "fork" | "rollback" | "proof" | "receipt" | "roster" | "text"
  // input
  | "invitation" | "other-gateway" | "key" | "draft" | "subject" | "recovery" | "certificate"
  // the way to the gateway
  | "offline" | "cancelled"
  // the gateway's own codes (gateway/api/problem.go)
  | "malformed" | "too-large" | "signature" | "unauthorized" | "not-found" | "conflict" | "exists" | "state" | "erased" | "expired" | "too-early"
  | "closed" | "unavailable" | "full" | "fenced" | "unknown" | "internal" | "unauthenticated" | "rate-limited" | "method" | "media-type";

/** The error of every function here. It is an Error whose name is "VolensError". */
export interface VolensErrorShape extends Error {
  code: ErrorCode;
  /** English, for details on demand. */
  detail: string;
  /** Seconds to wait, where the gateway said so. */
  retryAfter?: number;
}

export interface VaultStatus {
  /** There is a vault on this device. */
  exists: boolean;
  unlocked: boolean;
  /** The owner has shown that she wrote the phrase down. False right after create. */
  phraseSeen: boolean;
  /** It holds a patient's phrase (else only organisation keys). */
  hasPhrase: boolean;
  /** What turns the password into a key here. */
  kdf: "scrypt" | "pbkdf2";
  /** A passkey of this device opens it, too. */
  passkey: boolean;
  autoLockMinutes: number;
}

export interface Vault {
  status(): Promise<VaultStatus>;
  /** create makes a phrase of 24 words and a vault, unlocked, and returns the words to write down. Passwords have 10 characters or more. */
  create(password: string): Promise<{ words: string[] }>;
  /** words shows the phrase again, until it is confirmed; then "phrase". */
  words(): Promise<string[]>;
  /** quiz says which words (1 to 24) to ask for. */
  quiz(): Promise<number[]>;
  /** confirm checks the words that the owner typed back; "quiz" when one is wrong. */
  confirm(answers: { position: number; word: string }[]): Promise<void>;
  /** import makes a vault from a phrase that the owner has; "phrase" when words or checksum are wrong. Unlocked after. */
  import(words: string, password: string): Promise<void>;
  /** importKey adds an organisation's key (64 hex digits, the key file that "volens ledger keys new" writes, or PKCS #8 in PEM). With no vault there must be a password, and one is made. */
  importKey(keyText: string, password?: string): Promise<{ address: Address }>;
  unlock(password: string): Promise<void>;
  /** unlockWithPasskey asks the device (WebAuthn PRF). "unsupported" where it cannot. */
  unlockWithPasskey(): Promise<void>;
  /** addPasskey makes a passkey on this device that opens the vault, too. */
  addPasskey(password: string): Promise<void>;
  removePasskey(): Promise<void>;
  /** lock forgets every key, token and opened record. */
  lock(): Promise<void>;
  changePassword(old: string, next: string): Promise<void>;
  setAutoLock(minutes: number): Promise<void>;
  /** touch says that the person is there. Call it on input, at most once in some seconds. */
  touch(): Promise<void>;
  /** backup is the encrypted vault as a text file, to keep elsewhere. */
  backup(): Promise<string>;
  /** restore opens a backup with its password and puts it here. A vault that is there is replaced when replace says so, else it is "exists-here". */
  restore(file: string, password: string, replace?: boolean): Promise<void>;
  /** suggest lists the words of the phrase's list that begin so, for typing help. */
  suggest(prefix: string): Promise<string[]>;
  /** destroy removes the vault from this device, without a password: ask twice. What is on the ledger stays; the phrase brings the keys back. */
  destroy(): Promise<void>;
}

/** A line of what is about to be signed, made from the message itself. label and warning are i18n keys ("field.<key>", "warn.<key>"). */
export interface Field {
  /** Member of the message, e.g. consent.provisions[1].purposes[0]. */
  path: string;
  depth: number;
  /** i18n key of the label: field.<key> */
  key: string;
  /** What it says. Plain text by others: show as text, in <bdi>. "" for a heading. */
  value: string;
  /** How value is to be read: "text" as it stands; "instant" and "period" are millis ("start/end") to format in the person's language; "code" is "system|code" to translate; "count"; "flag" yes/no; "member" is "id" with name verified. */
  form: "text" | "instant" | "period" | "code" | "count" | "flag" | "member" | "hash" | "none" | "effect" | "unlimited";
  /** For form "member": the name that the authorities signed; absent when unknown. */
  name?: string;
  /** i18n keys of why to look twice. */
  warnings: ("unknown" | "suspended" | "asserted" | "letters" | "anyone" | "anypurpose" | "broken")[];
  /** Only a machine reads it: hashes, salts, places in the chain. Show on demand. */
  detail: boolean;
}

/** A message that waits for the person's yes. The worker keeps the message: what is signed is what fields were made from. */
export interface Draft {
  id: string;
  /** Message type, e.g. ConsentGrant. */
  type: string;
  handle: Handle;
  fields: Field[];
  /** The consent that is in the message, for a summary in plain words. */
  consent?: Consent;
  /** The exact text whose hash is signed; its SHA-256 was checked against the message. */
  text?: string;
  ledger: { id: Hash; name: string };
  /** Address of the key that will sign. */
  signer: Address;
  /** EIP-712 digest. */
  digest: Hash;
  /** The EIP-712 typed data itself, for those who want to see it. */
  typedData: unknown;
}

/** A message on the ledger, whose receipt was proved against the pinned key. */
export interface Signed {
  /** For kind "help", which goes back to the person and not on the ledger: the file for her. position is "0" then. */
  file?: string;
  type: string;
  seq: Uint64;
  commitment: Hash;
  position: Uint64;
  time: Millis;
}

/** What the person wants to sign. */
export type Intent =
  | { kind: "claim"; invitation: string; label?: string }
  /** consent without textHash: it is made from text. request answers an Asked: then text must be the Asked's own, unless narrowed and shown anew. */
  | { kind: "grant"; handle: Handle; consent: Consent; text: string; request?: Hash; replaces?: Uint64 }
  | { kind: "decline"; handle: Handle; request: Hash }
  | { kind: "revoke"; handle: Handle; consent: Uint64 }
  | { kind: "revoke-all"; handle: Handle }
  | { kind: "confirm"; handle: Handle; consent: Uint64 }
  | { kind: "delegate"; handle: Handle; delegate: Address; scope: Scope[]; start: Millis; end: Millis; as?: "proxy" | "guardian" }
  | { kind: "delegate-end"; handle: Handle; delegation: Uint64 }
  | { kind: "rotate"; handle: Handle }
  /** guardians names the people who can bring the record back, threshold of them together; none takes the present ones away. */
  | { kind: "guardians"; handle: Handle; guardians: { address: Address; name: string }[]; threshold: number }
  /** help signs somebody else's recovery, as a guardian of hers: see Helping.read. */
  | { kind: "help"; file: string }
  /** recovered ends the person's own recovery: the record belongs to this wallet's key. place as in Recovery.start. */
  | { kind: "recovered"; handle: Handle; place?: string }
  /** veto stops a recovery that is not the person's own. */
  | { kind: "veto"; handle: Handle }
  | { kind: "erase"; handle: Handle };

export interface InvitationInfo {
  server: string;
  handle: Handle;
  ledger: Hash;
  hasCode: boolean;
  /** It is for the gateway that this app came from; another gateway serves its own app. */
  here: boolean;
}

/** One handle of the person, as this device knows it. */
export interface SubjectInfo {
  handle: Handle;
  label: string;
  custodian: MemberID;
  /** Verified name, or the id. */
  custodianName: string;
  ledgerName: string;
  gateway: string;
  here: boolean;
  address: Address;
  /** The handle is somebody else's, for whom the person acts. */
  delegation?: { seq: Uint64; kind: string; scope: Scope[]; ends: Millis };
  /** It was erased on the ledger then; all that can be done is to forget it here. */
  erased?: Millis;
  seq: Uint64;
}

/** Who can bring a record back. */
export interface GuardianSet {
  guardians: { address: Address; name: string }[];
  threshold: number;
}

/** Somebody whom this wallet has a key for, to act for her or to be her guardian. */
export interface HelpedPerson {
  handle: Handle;
  /** The person's own words for her. */
  name: string;
  address: Address;
}

/** What a guardian sees of a recovery file. */
export interface RecoveryRequest {
  handle: Handle;
  server: string;
  here: boolean;
  /** The name under which this wallet knows her, "" for none. */
  name: string;
  guardians: number;
  threshold: number;
  /** This wallet's key for the handle is one of the guardians'. */
  mine: boolean;
  /** A new key is named in it: it waits for signatures. Else it is only kept for that day. */
  begun: boolean;
}

/** A recovery of the person's own. */
export interface RecoveryState {
  handle: Handle;
  server: string;
  guardians: Address[];
  threshold: number;
  /** Those of them whose signatures are there and right. */
  signed: Address[];
  /** It is on the ledger, and can be finished from then on. */
  deadline?: Millis;
}

/** A health certificate that this device keeps, or the several of one file. */
export interface PaperInfo {
  id: Hash;
  text: string;
  added: Millis;
  certificates: Certificate[];
}

/** What a person puts down at her custodian's gateway, to be shared under her consents. */
export interface Putting {
  title: string;
  contentType: string;
  /** Base64. */
  data: string;
  /** Only consents that reach restricted data reach it. */
  secret: boolean;
}

/** Health certificates, and documents that are put down to be shared. */
export interface Papers {
  /** list judges each anew, against the trust list of the gateway or the last one that was seen. */
  list(): Promise<PaperInfo[]>;
  /** read judges a text without keeping it; "certificate" when it is none. */
  read(text: string): Promise<Certificate[]>;
  keep(text: string): Promise<void>;
  remove(id: Hash): Promise<void>;
  /** shared lists what is at the gateway; put and take are done when the gateway has it on disk. */
  shared(handle: Handle): Promise<SharedDocument[]>;
  put(handle: Handle, what: Putting): Promise<SharedDocument>;
  take(handle: Handle, id: Hash): Promise<SharedDocument[]>;
}

/** What a person does for others. */
export interface Helping {
  people(): Promise<HelpedPerson[]>;
  /** offer makes the address to tell somebody who wants to name this wallet for her handle, and remembers her by a name. */
  offer(handle: Handle, name: string): Promise<HelpedPerson>;
  forget(handle: Handle): Promise<void>;
  /** read says what a recovery file says; "recovery" when it is none. To sign it: wallet.prepare({ kind: "help", … }). */
  read(file: string): Promise<RecoveryRequest>;
}

/** Getting a record back with a new phrase, with guardians. To finish: wallet.prepare({ kind: "recovered", … }). */
export interface Recovery {
  list(): Promise<RecoveryState[]>;
  /** start names this wallet's key in the file that a guardian kept. place is the custodian's newest text for the record (an invitation without a code), where the record has moved on since the file. */
  start(file: string, place?: string): Promise<RecoveryState>;
  /** file is what the guardians sign. */
  file(handle: Handle): Promise<string>;
  /** add takes a guardian's signed file; "recovery" when it is of another recovery, or signed by nobody who counts. */
  add(handle: Handle, file: string): Promise<RecoveryState>;
  /** begin puts it on the ledger, when enough have signed. */
  begin(handle: Handle): Promise<RecoveryState>;
  /** drop forgets it here. What is on the ledger runs on. */
  drop(handle: Handle): Promise<void>;
}

export interface Kept {
  commitment: Hash;
  message: Message;
  receipt?: Receipt;
}

export interface Wallet {
  /** The handles on this device; works offline. */
  subjects(): Promise<SubjectInfo[]>;
  readInvitation(text: string): Promise<InvitationInfo>;
  /** adopt brings a handle of an imported phrase back, by an invitation without a code (a reminder). */
  adopt(invitation: string, label?: string): Promise<SubjectInfo>;
  /** takeDelegation enters a delegation file (JSON) from the person who named this wallet. */
  takeDelegation(file: string, label: string): Promise<SubjectInfo>;
  /** addressFor is the address to tell somebody who wants to name this wallet as delegate for her handle. */
  addressFor(handle: Handle): Promise<Address>;
  /** delegationFile is what the delegate needs: give it to her by a way of your own. */
  delegationFile(handle: Handle, delegation: Uint64): Promise<string>;
  /** guardians are those that this device named; undefined for none, or where another device did it. */
  guardians(handle: Handle): Promise<GuardianSet | undefined>;
  /** guardiansFile is what each guardian has to keep. */
  guardiansFile(handle: Handle): Promise<string>;
  /** reminder is the invitation without a code that brings a handle back beside the phrase. */
  reminder(handle: Handle): Promise<string>;
  rename(handle: Handle, label: string): Promise<void>;
  forget(handle: Handle): Promise<void>;

  /** prepare makes the message that the intent means and returns it decoded. Nothing is signed. */
  prepare(intent: Intent): Promise<Draft>;
  /** sign signs the draft, puts it on the ledger and proves the receipt. Once it returns, it is done. Each draft once. */
  sign(draft: string): Promise<Signed>;
  discard(draft: string): Promise<void>;

  /** The following read from the gateway; with nothing in between they are refused "offline". */
  me(handle: Handle): Promise<Me>;
  /** consents also keeps an encrypted copy. stale is true when the gateway could not be reached and the copy is shown. */
  consents(handle: Handle): Promise<{ consents: ConsentEntry[]; stale: boolean; asOf: Millis }>;
  requests(handle: Handle): Promise<Asked[]>;
  preview(handle: Handle, what: Preview): Promise<Access>;
  /** consentReceipt is the receipt of a consent that this device signed, by ISO/IEC TS 27560, with its evidence: "volens verify" checks it. */
  consentReceipt(handle: Handle, consent: Uint64): Promise<string>;
  /** kept lists the signed messages and receipts on this device; works offline. */
  kept(handle: Handle): Promise<Kept[]>;
  /** members whose records the authorities of the ledger signed, checked here. */
  members(): Promise<Member[]>;
  ledger(): Promise<LedgerInfo>;
}

export type VolensEvent =
  | { type: "locked" }
  | { type: "unlocked" }
  /** News about a handle: a use, or a message that is in force. */
  | { type: "notice"; handle: Handle; kind: "use" | "ledger"; seq: Uint64 }
  | { type: "online"; handle: Handle; up: boolean };

export interface Volens {
  vault: Vault;
  wallet: Wallet;
  helping: Helping;
  recovery: Recovery;
  papers: Papers;
  uses: Uses;
  organisation: Organisation;
  /** listen calls back for every event until the returned function is called. */
  listen(listener: (event: VolensEvent) => void): () => void;
  /** follow keeps a stream of notices open for a handle while the vault is unlocked. */
  follow(handle: Handle): Promise<void>;
  /** build is the hash of this app's files, from build.json. */
  build(): Promise<{ hash: string; files: Record<string, string> }>;
}
