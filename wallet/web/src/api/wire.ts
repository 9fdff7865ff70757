/** The bodies of gateway/openapi.json that are not already core types. Counts and instants are decimal texts. */
import type { Coding, Consent, Delegate, Handle, Hash, Member, MemberID, Message, Millis, Openings, Reason, Receipt, Uint64, UseKind } from "../core/types.ts";

export interface LedgerInfo {
  id: Hash;
  name: string;
  chainId: number;
  genesis: Message;
  position: Uint64;
  origin: string;
  key: string;
  usesOrigin: string;
  usesKey: string;
  custodian: MemberID;
  /** ISO 3166: under whose law the custodian says that it keeps its records. */
  jurisdiction?: string;
  algorithm: string;
  implicit: string;
  policyDigest: Hash;
  codesDigest: Hash;
  version: string;
}

export interface Members {
  members: Member[];
  messages: Message[];
}

export interface Challenge {
  nonce: string;
  domain: string;
  uri: string;
  chainId: number;
  statement: string;
  issuedAt: string;
  expiresAt: string;
}

export interface SignIn {
  message: string;
  signature: string;
  handle?: Handle;
  keySalt?: Hash;
  delegation?: Openings["delegation"];
  cookie?: boolean;
}

export interface Session {
  roles: string[];
  handle?: Handle;
  member?: MemberID;
  accessToken?: string;
  /** Seconds. */
  expiresIn?: number;
  csrf?: string;
}

export interface Delegation extends Delegate {
  status: EntryStatus;
}

export type SubjectState = "opened" | "active" | "recovering" | "erased";
export type EntryStatus = "live" | "revoked" | "replaced" | "ended";

export interface Me {
  handle: Handle;
  custodian: MemberID;
  state: SubjectState;
  slot: Uint64;
  seq: Uint64;
  prev: Hash;
  deadline: Millis;
  delegations: Delegation[];
}

export interface ConsentEntry {
  seq: Uint64;
  kind: "ConsentGrant" | "ConsentAttest" | "ConsentDecline";
  status: EntryStatus;
  /** By the patient or her delegate. */
  signed: boolean;
  date: Millis;
  ended: Millis;
  commitment: Hash;
  request: Hash;
  replaces: Uint64;
  /** Permits so far, for consents that limit their uses. */
  uses: Uint64;
  consent: Consent;
}

export interface Asked {
  id: Hash;
  member: MemberID;
  time: Millis;
  consent: Consent;
  text: string;
  /** The seq of the consent that answered it; "0" while it waits. */
  answered: Uint64;
}

export interface Resource {
  type: string;
  id?: string;
  [member: string]: unknown;
}

export interface Actor {
  reference?: string;
  groups?: string[];
}

export interface AccessRequest {
  /** The pseudonym that the custodian gave this member. */
  subject: string;
  actor: Actor;
  purpose: Coding;
  action: Coding;
  categories?: Coding[];
  resourceTypes?: Coding[];
  resources?: Resource[];
  /** What the study is and keeps to: shorthands of DUO and diseases (MONDO:0005148), as the member asserts. */
  study?: string[];
  /** The researcher's GA4GH passport, or its visas with spaces between. */
  passport?: string;
  emergency?: string;
  requestId?: string;
}

export interface ResidualRule {
  type: "permit" | "forbid";
  securityLabel?: Coding[];
  dataPeriod?: { start?: string; end?: string };
  data?: unknown[];
  resourceType?: Coding[];
  code?: Coding[];
  within?: ResidualRule[];
  default?: boolean;
  consent?: string;
  rules?: string[];
}

export interface Obligation {
  id: Coding;
  parameters: { codes?: Coding[]; exceptAnyOfCodes?: Coding[]; before?: Millis; elements?: string[] };
}

export interface ResourceDecision {
  type: string;
  id: string;
  decision: "permit" | "deny";
  consentDecision: string;
  /** Its top-level elements that do not flow. */
  masked?: string[];
  [member: string]: unknown;
}

export interface Access {
  decision: "permit" | "deny";
  consentDecision: string;
  reasons: Reason[];
  sentence: { code: string; params?: Record<string, string>; text: string };
  consents: string[];
  rules: string[];
  residual: ResidualRule[];
  obligations: Obligation[];
  resources: ResourceDecision[];
  algorithm: string;
  implicit: string;
  policyDigest: string;
  codesDigest: string;
  nextBoundary: Millis;
  position: Uint64;
  use?: { index: Uint64; useSeq: Uint64; leaf: Hash };
  data?: unknown[];
}

export interface Preview {
  consent?: Consent;
  replaces?: Uint64;
  revoke?: Uint64[];
  member: MemberID;
  actor: Actor;
  purpose: Coding;
  action: Coding;
  resources?: Resource[];
}

export interface ConsentRequest {
  subject: string;
  consent: Consent;
  text: string;
}

/** What came of a consent request. */
export type AnswerState = "waiting" | "accepted" | "narrowed" | "declined" | "expired" | "over";

/** A consent request as the organisation that made it sees it. */
export interface RequestState {
  id: Hash;
  index: Uint64;
  subject: string;
  time: Millis;
  consent: Consent;
  text: string;
  state: AnswerState;
  /** When it was answered or ended; "0" while it waits. */
  at: Millis;
}

export interface AskedFor {
  requests: RequestState[];
  next: Uint64;
}

export interface Enrolled {
  handle: Handle;
  slot: Uint64;
  code: string;
  codeUntil: Millis;
  ledger: Hash;
  genesis: Hash;
  usesKey: string;
  key: string;
  seq: Uint64;
  prev: Hash;
  receipt: Receipt;
}

export interface SubjectQuery {
  localId?: string;
  handle?: Handle;
}

export interface Subject {
  handle: Handle;
  localId?: string;
  state: SubjectState;
  slot: Uint64;
  seq: Uint64;
  prev: Hash;
}

export interface AuditFilter {
  from?: Millis;
  until?: Millis;
  requester?: MemberID;
  purpose?: string;
  decision?: string;
  kind?: string;
  emergency?: boolean;
  before?: Uint64;
  limit?: number;
}

export interface AuditUse {
  index: Uint64;
  time: Millis;
  subject: Hash;
  erased: boolean;
  useSeq: Uint64;
  kind?: UseKind;
  requester?: MemberID;
  roles?: Coding[];
  purpose?: Coding;
  action?: Coding;
  resourceTypes?: string[];
  resources?: number;
  labels?: Coding[];
  emergency?: boolean;
  decision?: string;
  consentDecision?: string;
  rules?: string[];
  policyDigest?: Hash;
  codesDigest?: Hash;
  position?: Uint64;
}

export interface AuditUses {
  rows: AuditUse[];
  next: Uint64;
  size: Uint64;
}

export interface Replay {
  index: Uint64;
  was: string;
  again: Access;
  same: boolean;
  detail?: string;
}

/** A document that is down at the gateway, named by the SHA-256 of its bytes. */
export interface SharedDocument {
  id: Hash;
  title?: string;
  contentType: string;
  /** hcert or smart-health-card, when it is one. */
  format?: string;
  type?: Coding;
  confidentiality: string;
  size: number;
  time: Millis;
  verification: string;
}

export interface Notice {
  kind: "use" | "ledger";
  seq: Uint64;
}

export interface Problem {
  type?: string;
  title: string;
  status: number;
  code: string;
  detail?: string;
}
