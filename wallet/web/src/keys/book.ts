/** What the vault holds: the phrase's entropy, and what the wallet remembers. All of it is sealed; the keys need only the phrase. */
import type { ConsentEntry } from "../api/wire.ts";
import type { PinnedLedger } from "../core/leaf.ts";
import type { Seen } from "../core/statement.ts";
import type { RecoveryFile } from "../core/recovery.ts";
import type { Address, Delegate, Guardians, Handle, Hash, MemberID, Message, Millis, Receipt, Uint64 } from "../core/types.ts";
import type { Alg, Public } from "./pem.ts";

/** The last verified state of a log. note is the signed note, evidence against a log that shows another. */
export interface Mark {
  size: Uint64;
  root: Hash;
  note: string;
}

/** A message of a handle and the ledger's receipt. */
export interface Kept {
  commitment: Hash;
  message: Message;
  receipt?: Receipt;
}

/** One handle. */
export interface Subject {
  handle: Handle;
  label: string;
  ledger: Hash;
  custodian: MemberID;
  custodianName: string;
  gateway: string;
  generation: number;
  seq: Uint64;
  prev: Hash;
  usesKey: string;
  usesOrigin: string;
  slot: Uint64;
  seen: Seen;
  /** The signed note that seen comes from. */
  seenNote: string;
  /** Size of the newest anchor of the use log that was seen on the ledger: it cannot go back. */
  anchored?: Uint64;
  delegation?: Delegate;
  /** Who can bring the record back, and the owner's own words for each. The phrase does not bring this list back. */
  guardians?: { set: Guardians; names: string[] };
  /** When it was erased on the ledger. */
  erased?: Millis;
  records: Kept[];
  consents?: { list: ConsentEntry[]; asOf: Millis };
}

/** Somebody whom the person helps: she told her the address of the key that this wallet has for her handle. */
export interface Helped {
  handle: Handle;
  name: string;
}

/** The person's own attempt to get a handle back with her guardians. */
export interface Attempt {
  file: RecoveryFile;
  /** It is on the ledger: from then on it can be finished, after the message that is named. */
  begun?: { deadline: Millis; seq: Uint64; prev: Hash };
}

/** A key of an organisation. */
export interface MemberKey {
  /** Of a key on secp256k1, else its thumbprint (RFC 7638). */
  address: Address;
  /** 64 hex digits, or PKCS #8 in base64. */
  key: string;
  /** Absent for a key on secp256k1. */
  jwt?: { alg: Alg; public: Public };
}

/** A health certificate, as its text. Whether it is true is judged anew each time. */
export interface Paper {
  text: string;
  added: Millis;
}

/** The content of a vault. */
export interface Content {
  version: 1;
  entropy?: string;
  phraseSeen: boolean;
  autoLockMinutes: number;
  ledgers: (PinnedLedger & { mark?: Mark })[];
  subjects: Subject[];
  memberKeys: MemberKey[];
  helped: Helped[];
  attempts: Attempt[];
  papers: Paper[];
  /** The last list of trusted signers that the gateway served, so that certificates are judged offline too. */
  trust?: unknown;
  /** Last checkpoints that an auditor saw, by origin. */
  checkpoints: Record<string, Mark>;
}

/** emptyContent is that of a new vault. */
export function emptyContent(): Content {
  return { version: 1, phraseSeen: true, autoLockMinutes: 10, ledgers: [], subjects: [], memberKeys: [], helped: [], attempts: [], papers: [], checkpoints: {} };
}
