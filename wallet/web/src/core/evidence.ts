/** What a consent receipt is made from, and what that proves; the twin of wallet/takeout/evidence.go. */
import { fromHex } from "./bytes.ts";
import { Refused } from "./error.ts";
import { checkReceipt, headIn, type Leaf, type PinnedLedger } from "./leaf.ts";
import { keyCommitment, verify } from "./message.ts";
import { Roster } from "./roster.ts";
import type { Address, Body, Consent, Handle, Hash, MemberID, Message, Millis, Receipt } from "./types.ts";

/** A message with the ledger's receipt. */
export interface Proved {
  message: Message;
  receipt: Receipt;
}

/** All that a receipt is made from. stated is the word of the custodian and of whoever issues the receipt; nobody has signed it. */
export interface Evidence {
  ledger: Hash;
  genesis: Hash;
  logKey: string;
  consent: Proved;
  /** By the person, of a consent that the custodian attested. */
  confirm?: Proved;
  ended?: Proved;
  members: Message[];
  stated: { jurisdiction: string; gateway: string; issued: Millis; gone?: boolean };
}

/** Who signed a message about a subject. */
export type Signer = "subject" | "delegate" | "custodian";

/** What evidence proves. Times are whole minutes in millis, 0n for never. */
export interface Facts {
  consent: Consent;
  handle: Handle;
  seq: string;
  kind: string;
  commitment: Hash;
  custodian: MemberID;
  given: bigint;
  by: Signer;
  /** Of an attested consent: the hash of what the custodian holds. */
  document: Hash;
  confirmed: bigint;
  ended: bigint;
  endedBy: Signer;
  /** "" for a revocation. */
  endedHow: string;
  roster: Roster;
}

function no(why: string): never {
  throw new Refused("proof", why);
}

const KINDS = ["ConsentGrant", "ConsentDecline", "ConsentAttest"];
const linkOf = (b: Body): { handle: Handle; seq: string } => ({ handle: b["handle"] as Handle, seq: b["seq"] as string });
const timeOf = (leaf: Leaf): bigint => leaf.minute * 60_000n;

/** prove checks evidence. It throws Refused when it does not hold. */
export function prove(e: Evidence): Facts {
  const pinned: PinnedLedger = { id: e.ledger, genesis: e.genesis, name: "", key: e.logKey };
  const { type: kind, body } = e.consent.message;
  if (!KINDS.includes(kind)) {
    no("the first message is no consent of a person");
  }
  const { handle, seq } = linkOf(body);
  const leaf = checkReceipt(pinned, e.consent.message, e.consent.receipt);
  const head = headIn(leaf, handle) ?? no("the leaf has no head of the handle");
  const { roster, keys } = admit(e.members, pinned, head.custodian);
  const signed = (p: Proved): { leaf: Leaf; by: Signer } => signerOf(pinned, p, handle, head.keyCommit, keys);
  const { by } = signed(e.consent);
  if ((by === "custodian") !== (kind === "ConsentAttest")) {
    no(`a ${kind} is not signed by the ${by}`);
  }
  const f: Facts = {
    consent: body["consent"] as unknown as Consent, handle, seq, kind, commitment: leaf.commitment, custodian: head.custodian, given: timeOf(leaf), by,
    document: (body["evidence"] as Hash | undefined) ?? "", confirmed: 0n, ended: 0n, endedBy: by, endedHow: "", roster,
  };
  if (e.confirm !== undefined) {
    f.confirmed = confirmedAt(f, e.confirm, signed(e.confirm));
  }
  if (e.ended !== undefined) {
    const how = ends(e.ended.message, e.consent.message) ?? no("the revocation is of something else");
    const end = signed(e.ended);
    Object.assign(f, { ended: timeOf(end.leaf), endedBy: end.by, endedHow: how });
  }
  return f;
}

function confirmedAt(f: Facts, p: Proved, { leaf, by }: { leaf: Leaf; by: Signer }): bigint {
  const { type, body } = p.message;
  const same = body["handle"] === f.handle && body["consent"] === f.seq && body["commitment"] === f.commitment;
  return type === "ConsentConfirm" && f.kind === "ConsentAttest" && by === "subject" && same ? timeOf(leaf) : no("the confirmation is of something else");
}

/** A leaf commits to a body and not to its signatures: the signer is the key that the head commits to, the delegate of the openings, or the custodian. */
function signerOf(pinned: PinnedLedger, p: Proved, handle: Handle, keyCommit: Hash, keys: ReadonlySet<Address>): { leaf: Leaf; by: Signer } {
  const signers = verify(pinned.id, p.message);
  const leaf = checkReceipt(pinned, p.message, p.receipt);
  const head = headIn(leaf, handle) ?? no("the leaf has no head of the handle");
  const commit = head.state === "erased" ? keyCommit : head.keyCommit; // an erased head commits to no key
  const { delegation, keySalt } = p.message.openings;
  const [who, more] = signers;
  if (who === undefined || more !== undefined) {
    return no("one signs a message about a consent");
  }
  if (delegation?.delegate === who) {
    return { leaf, by: "delegate" };
  }
  if (keySalt !== undefined && keyCommitment(fromHex(keySalt), who) === commit) {
    return { leaf, by: "subject" };
  }
  return keys.has(who) ? { leaf, by: "custodian" } : no("the signature is by no key that the leaf, the openings or the members name");
}

/** ends says whether a message ends the consent that another gave or entered, and how if not by revoking it. */
export function ends(m: Message, given: Message): string | undefined {
  const { handle, seq } = linkOf(given.body);
  const at = linkOf(m.body);
  if (!["ConsentGrant", "ConsentAttest"].includes(given.type) || at.handle !== handle || BigInt(at.seq) <= BigInt(seq)) {
    return undefined;
  }
  switch (m.type) {
    case "ConsentRevoke":
      return m.body["consent"] === seq ? "" : undefined;
    case "RevokeAll":
      return "";
    case "ConsentGrant":
      return m.body["replaces"] === seq ? `replaced by consent ${at.seq}` : undefined;
    case "Erase":
      return "the subject was erased";
    default:
      return undefined;
  }
}

/** admit runs the messages about members, and collects the custodian's keys. */
function admit(members: readonly Message[], pinned: PinnedLedger, custodian: MemberID): { roster: Roster; keys: Set<Address> } {
  const [genesis, ...rest] = members;
  const roster = new Roster(pinned, genesis ?? no("it does not say who the members are"));
  const keys = new Set<Address>();
  for (const m of rest) {
    roster.add(m);
    roster.member(custodian)?.keys.forEach((k) => keys.add(k));
  }
  return { roster, keys };
}
