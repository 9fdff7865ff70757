/** What a person of an organisation does: part of the interface in volens.ts. */
import type { Address, Consent, Hash, MemberID, Uint64 } from "../core/types.ts";
import type { ProofState } from "./uses.ts";
import type {
  Access, AccessRequest, Asked, AskedFor, AuditFilter, AuditUses, AuditUse, ConsentEntry, ConsentRequest, Enrolled, Replay, Subject, SubjectQuery,
} from "./wire.ts";

/** A subject, and the text (an invitation without a code) that says where her record stands: who brings it back asks for it. */
export type Found = Subject & { place: string };

/** What a person of an organisation does. The key is one that vault.importKey took. */
export interface Organisation {
  /** Keys in the vault. */
  keys(): Promise<{ address: Address; member?: MemberID; name?: string; roles: string[] }[]>;
  /** signIn signs in with a key; roles come from the ledger. */
  signIn(address: Address): Promise<{ member?: MemberID; name?: string; roles: string[] }>;
  signOut(): Promise<void>;
  forgetKey(address: Address): Promise<void>;

  access(request: AccessRequest): Promise<Access>;
  fetch(request: AccessRequest): Promise<Access>;
  ask(request: Omit<ConsentRequest, "consent"> & { consent: Consent }): Promise<Asked>;
  /** askedFor lists the organisation's own requests for consent, newest first, and what came of each. before is the last page's next. */
  askedFor(before: Uint64): Promise<AskedFor>;

  openSubject(localId: string, days?: number): Promise<{ enrolled: Enrolled; invitation: string }>;
  newCode(query: SubjectQuery): Promise<{ enrolled: Enrolled; invitation: string }>;
  findSubject(query: SubjectQuery): Promise<Found>;
  pseudonym(query: SubjectQuery, member: MemberID): Promise<string>;
  attest(query: SubjectQuery, consent: Consent, evidence: Hash): Promise<ConsentEntry>;
  /** importConsents enters the FHIR Consents (R4 or R5) of a file: one, a list, a Bundle, or one a line. "malformed" when there is none. */
  importConsents(text: string): Promise<Imported>;
  erase(query: SubjectQuery, reason: "request" | "retention" | "court"): Promise<{ pending: number }>;

  auditUses(filter: AuditFilter): Promise<AuditUses>;
  replay(index: Uint64, why: string): Promise<Replay>;
  /** checkpoint fetches the newest checkpoint of a log, checks its signature with the pinned key, and proves from tiles that it holds the last one seen here. */
  checkpoint(log: "ledger" | "uses"): Promise<CheckpointView>;
  /** evidence is a file for "volens verify": the uses and replays, with both logs whole, which are checked here first. "too-large" when that is no file any more. */
  evidence(uses: AuditUse[], replays: Replay[]): Promise<string>;
}

/** What became of the consents of a file. */
export interface Imported {
  entered: number;
  /** In force already, and not entered twice. */
  there: number;
  refused: { n: number; why: string }[];
  /** Of which something is not kept. */
  partly: number;
}

export interface CheckpointView {
  log: "ledger" | "uses";
  origin: string;
  size: Uint64;
  root: Hash;
  note: string;
  state: ProofState;
  why?: string;
  /** The one seen before; size "0" for none. */
  before: { size: Uint64; root: Hash };
}
