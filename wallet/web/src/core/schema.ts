/**
 * The types of chaincode/FORMAT.md, said once, as EIP-712 writes them. Canonical bytes, JSON form, limits and typed-data
 * digests all follow from this table, so they cannot disagree.
 */

/** A member of a struct. max limits a list's values or a text's bytes where it is not the usual. */
export interface Member {
  readonly name: string;
  readonly type: string;
  readonly max?: number;
}

export type Struct = readonly Member[];
export type Types = Readonly<Record<string, Struct>>;

const LIMITS: Readonly<Record<string, number>> = { jwks: 8192, provisions: 64, entries: 256 };

function struct(members: string): Struct {
  return members.split(",").map((member) => {
    const [type = "", name = ""] = member.split(" ");
    const max = LIMITS[name];
    return max === undefined ? { name, type } : { name, type, max };
  });
}

const CHAIN = "bytes16 handle,uint64 seq,bytes32 prev";

/** PARTS are the structs that messages are made of. */
export const PARTS: Types = {
  Authority: struct("string name,address address"),
  Period: struct("int64 start,int64 end"),
  Coding: struct("string system,string code"),
  Identifier: struct("string system,string value"),
  Recipient: struct("Coding role,string reference"),
  DataReference: struct("string meaning,string reference"),
  Provision: struct(
    "uint64 parent,string effect,Period period,Recipient[] recipients,Coding[] roles,Coding[] actions,Coding[] purposes," +
      "Coding[] resourceTypes,Coding[] codes,Coding[] labels,Period dataPeriod,DataReference[] data",
  ),
  Consent: struct(
    "string kind,Coding[] categories,Identifier[] identifiers,int64 recordedAt,string[] grantors,string[] grantees," +
      "string[] controllers,Period period,Provision[] provisions,string[] policies,bytes32 textHash,string locale," +
      "uint64 maxUses,int64 eraseBy,string accessMode",
  ),
};

const MEMBER = "string name,string[] roles,address[] keys,string jwks,string url,bytes32 salt";

/** BODIES are the messages, by the name of their EIP-712 primary type. */
export const BODIES: Types = {
  Init: struct("string name,Authority[] authorities,uint64 threshold,int64 recoveryDelay,bytes32 salt"),
  AuthorityChange: struct("uint64 seq,Authority[] authorities,uint64 threshold,bytes32 salt"),
  MemberAdmit: struct(`string member,${MEMBER}`),
  MemberUpdate: struct(`string member,uint64 seq,${MEMBER}`),
  MemberSuspend: struct("string member,uint64 seq,bool suspended,string reason,bytes32 salt"),
  SubjectOpen: struct("bytes16 handle,string custodian,uint64 slot,bytes32 codeCommit,int64 codeUntil,bytes32 salt"),
  SubjectCode: struct(`${CHAIN},bytes32 codeCommit,int64 codeUntil,bytes32 salt`),
  SubjectClaim: struct(`${CHAIN},bytes32 keyCommit,bytes32 guardianCommit,bytes32 salt`),
  KeyRotate: struct(`${CHAIN},bytes32 keyCommit,bytes32 salt`),
  GuardiansSet: struct(`${CHAIN},bytes32 guardianCommit,bytes32 salt`),
  RecoveryBegin: struct(`${CHAIN},bytes32 keyCommit,bytes32 salt`),
  RecoveryVeto: struct(`${CHAIN},bytes32 salt`),
  RecoveryFinish: struct(`${CHAIN},bytes32 salt`),
  ConsentGrant: struct(`${CHAIN},bytes32 request,uint64 replaces,Consent consent,bytes32 salt`),
  ConsentDecline: struct(`${CHAIN},bytes32 request,Consent consent,bytes32 salt`),
  ConsentRevoke: struct(`${CHAIN},uint64 consent,bytes32 salt`),
  RevokeAll: struct(`${CHAIN},bytes32 salt`),
  ConsentAttest: struct(`${CHAIN},bytes32 evidence,Consent consent,bytes32 salt`),
  ConsentConfirm: struct(`${CHAIN},uint64 consent,bytes32 commitment,bytes32 salt`),
  Delegate: struct(`${CHAIN},address delegate,string kind,string[] scope,Period period,int64 majority,bytes32 salt`),
  DelegateEnd: struct(`${CHAIN},uint64 delegation,bytes32 salt`),
  Anchor: struct("string member,string origin,uint64 size,bytes32 root,bytes32 salt"),
  Erase: struct(`${CHAIN},string reason,bytes32 salt`),
  Close: struct("uint64 seq,bytes32 salt"),
  Import: struct("uint64 seq,uint64 size,bytes32 root,bytes32 salt"),
};

/** CODES are the type codes of bodies; append-only. */
export const CODES: Readonly<Record<string, number>> = {
  Init: 1, AuthorityChange: 2, MemberAdmit: 3, MemberUpdate: 4, MemberSuspend: 5,
  SubjectOpen: 10, SubjectCode: 11, SubjectClaim: 12, KeyRotate: 13, GuardiansSet: 14, RecoveryBegin: 15, RecoveryVeto: 16, RecoveryFinish: 17,
  ConsentGrant: 20, ConsentDecline: 21, ConsentRevoke: 22, RevokeAll: 23, ConsentAttest: 24, ConsentConfirm: 25,
  Delegate: 30, DelegateEnd: 31, Anchor: 40, Erase: 50, Close: 60, Import: 61,
};

/** OTHERS are canonical structs that are not signed. */
export const OTHERS: Types = {
  Guardians: struct("address[] addresses,uint64 threshold,bytes32 salt"),
  Openings: struct("bytes32? keySalt,bytes32? newKeySalt,bytes32? code,Guardians? guardians,Delegate? delegation"),
  Head: struct(
    "string state,string custodian,uint64 slot,uint64 seq,bytes32 prev,int64 time,bytes32 keyCommit,bytes32 pendingCommit," +
      "bytes32 guardianCommit,int64 deadline,uint64 revokedThrough",
  ),
  Anchored: struct("string origin,uint64 size,bytes32 root,int64 time"),
  Reason: struct("string rule,string code,string text,string consent"),
  Param: struct("string name,string value"),
  Sentence: struct("string code,Param[] params,string text"),
  Use: struct(
    "bytes16 handle,uint64 useSeq,int64 time,string kind,string requester,string[] actors,Coding[] roles,string delegation," +
      "string channel,string client,Coding purpose,Coding action,string[] resourceTypes,string[] resources,Coding[] labels," +
      "string emergency,string decision,string consentDecision,Reason[] reasons,Sentence sentence,uint64[] consents," +
      "string[] rules,string[] obligations,bytes32 policyDigest,bytes32 codesDigest,uint64 position,string algorithm," +
      "string implicit,string requestId,bytes32 inputHash,bytes32 salt",
  ),
};

/** ALL is every struct by name. */
export const ALL: Types = { ...PARTS, ...BODIES, ...OTHERS };

/** structOf looks a struct up. */
export function structOf(name: string, types: Types = ALL): Struct {
  const found = Object.hasOwn(types, name) ? types[name] : undefined;
  if (found === undefined) {
    throw new Error(`no type ${name}`);
  }
  return found;
}
