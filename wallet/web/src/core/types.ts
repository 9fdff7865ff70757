/**
 * The messages and parts of chaincode/FORMAT.md as their JSON form has them (section 8): counts and instants are decimal
 * texts, bytes lower-case hex without 0x, addresses and signatures with 0x. Nothing here is a number, so nothing is rounded.
 */

/** 32 bytes as 64 hex digits. */
export type Hash = string;
/** 16 bytes as 32 hex digits: one patient at one custodian. */
export type Handle = string;
/** 0x and 40 lower-case hex digits. */
export type Address = string;
/** 0x and 130 lower-case hex digits. */
export type Signature = string;
/** A count of at most 2^63 - 1, in decimal. */
export type Uint64 = string;
/** Milliseconds since 1970, in decimal. "0" mostly means "not set". */
export type Millis = string;
/** The short name of an organisation, e.g. "city-hospital". */
export type MemberID = string;

export interface Coding {
  system: string;
  code: string;
}

export interface Identifier {
  system: string;
  value: string;
}

/** Half-open: from start until just before end. "0" is no limit. */
export interface Period {
  start: Millis;
  end: Millis;
}

export interface Recipient {
  role: Coding;
  /** "Organization/<member>", "<member>:<type>/<id>" or a reference that only the custodian understands. */
  reference: string;
}

export interface DataReference {
  meaning: string;
  reference: string;
}

/** One rule of a consent. Rule 0 is the root; others name their parent by its place. */
export interface Provision {
  parent: Uint64;
  effect: "permit" | "deny";
  period: Period;
  recipients: Recipient[];
  roles: Coding[];
  actions: Coding[];
  purposes: Coding[];
  resourceTypes: Coding[];
  codes: Coding[];
  labels: Coding[];
  dataPeriod: Period;
  data: DataReference[];
}

export interface Consent {
  kind: string;
  categories: Coding[];
  identifiers: Identifier[];
  recordedAt: Millis;
  grantors: string[];
  grantees: string[];
  controllers: string[];
  period: Period;
  provisions: Provision[];
  policies: string[];
  /** SHA-256 of the exact text that the person saw. */
  textHash: Hash;
  locale: string;
  maxUses: Uint64;
  eraseBy: Millis;
  accessMode: "" | "view" | "store";
}

export interface Guardians {
  addresses: Address[];
  threshold: Uint64;
  salt: Hash;
}

export interface Delegate {
  handle: Handle;
  seq: Uint64;
  prev: Hash;
  delegate: Address;
  kind: "proxy" | "guardian";
  scope: Scope[];
  period: Period;
  majority: Millis;
  salt: Hash;
}

/** What a delegate may do: give and decline consents, revoke them, see consents and uses. */
export type Scope = "grant" | "revoke" | "view";

export interface Openings {
  keySalt?: Hash;
  newKeySalt?: Hash;
  code?: Hash;
  guardians?: Guardians;
  delegation?: Delegate;
}

/** The members of any body, by the schema of its type. */
export type Value = string | boolean | Value[] | { [member: string]: Value };
export type Body = Record<string, Value>;

export interface Message {
  type: string;
  body: Body;
  openings: Openings;
  sigs: Signature[];
}

/** Where a message is on the ledger, and the proof of it. */
export interface Receipt {
  position: Uint64;
  commitment: Hash;
  /** Whole minutes. */
  time: Millis;
  /** Base64. */
  leaf: string;
  proof: Hash[];
  /** Base64 of a C2SP signed note. */
  checkpoint: string;
}

/** Public record of a member. Only records that the authorities signed are believed. */
export interface Member {
  id: MemberID;
  seq: Uint64;
  name: string;
  roles: string[];
  keys: Address[];
  jwks: string;
  url: string;
  suspended: boolean;
}

export interface Reason {
  rule: string;
  code?: string;
  text: string;
  consent?: string;
}

export interface Sentence {
  code?: string;
  params?: { name: string; value: string }[];
  text: string;
}

export type UseKind = "decision" | "read" | "export" | "replay" | "enrolment" | "request" | "deposit" | "removal";

/** One use of the person's data, opened. Members that are absent are empty. */
export interface Use {
  handle: Handle;
  useSeq: Uint64;
  time: Millis;
  kind: UseKind;
  requester: MemberID;
  actors?: string[];
  roles?: Coding[];
  delegation?: string;
  channel?: string;
  client?: string;
  purpose: Coding;
  action: Coding;
  resourceTypes?: string[];
  resources?: string[];
  labels?: Coding[];
  emergency?: string;
  decision: "permit" | "deny";
  consentDecision?: string;
  reasons?: Reason[];
  sentence: Sentence;
  consents?: Uint64[];
  rules?: string[];
  obligations?: string[];
  policyDigest: Hash;
  codesDigest: Hash;
  position: Uint64;
  algorithm?: string;
  implicit?: string;
  requestId?: string;
  inputHash: Hash;
  salt: Hash;
}

export interface Entry {
  index: Uint64;
  prev: Hash;
  use: Use;
  proof: Hash[];
}

/** The use log's answer to "show me every use of my data". */
export interface Statement {
  checkpoint: string;
  since: Uint64;
  consistency: Hash[];
  slot: Uint64;
  slotProof: Hash[];
  subjectSalt: Hash;
  useSeq: Uint64;
  /** Newest first. */
  entries: Entry[];
}
