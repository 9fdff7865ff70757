/**
 * Consent receipts by ISO/IEC TS 27560:2023 in JSON-LD, as package takeout in Go makes them: computed from evidence that they
 * carry, so that "volens verify" and anybody else can compute them again. Both write the same text.
 */
import { Refused } from "./error.ts";
import { checkReceipt, headIn, type Leaf, type PinnedLedger } from "./leaf.ts";
import { messageOf, verify } from "./message.ts";
import { Roster } from "./roster.ts";
import type { Coding, Consent, Handle, Hash, MemberID, Message, Millis, Provision, Receipt, Recipient, Value } from "./types.ts";

const SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#receipt";
const MAPPING = "1";
const CONTEXT = { dct: "http://purl.org/dc/terms/", dpv: "https://w3id.org/dpv#", schema: "https://schema.org/", volens: "urn:volens:vocabulary:" };

/** A message with the ledger's receipt. */
export interface Proved {
  message: Message;
  receipt: Receipt;
}

/** All that a receipt is made from. stated is the custodian's own word; nobody has signed it. */
export interface Evidence {
  ledger: Hash;
  genesis: Hash;
  logKey: string;
  consent: Proved;
  ended?: Proved;
  members: Message[];
  stated: { jurisdiction: string; gateway: string };
}

interface Facts {
  consent: Consent;
  handle: Handle;
  seq: string;
  kind: string;
  commitment: Hash;
  custodian: MemberID;
  given: bigint;
  ended: bigint;
  signer: string;
  roster: Roster;
  stated: Evidence["stated"];
}

/** consentReceipt makes the receipt's text. It throws Refused when the evidence does not hold. */
export function consentReceipt(e: Evidence): string {
  const f = prove(e);
  const members = new Set<MemberID>([f.custodian]);
  const process = f.consent.provisions.map((_, i) => processOf(f, i, members));
  const parties = [...members].sort().flatMap((id) => partyOf(f, id));
  const subject = subjectUrn(f.handle);
  const out = {
    "@context": CONTEXT, "@id": `urn:volens:receipt:${f.commitment}`, "@type": "dpv:ConsentReceipt", "dct:conformsTo": SCHEMA,
    "dct:identifier": `${subject}/consent/${f.seq}`, "dpv:hasDataSubject": subject,
    "dpv:hasNotice": {
      "@type": "dpv:ConsentNotice", "dct:identifier": `sha256:${f.consent.textHash}`, "dct:language": f.consent.locale || "und",
      ...(f.consent.policies.length === 0 ? {} : { "dct:references": f.consent.policies }),
    },
    "dpv:hasProcess": process, "dpv:hasEntity": parties.length === 0 ? null : parties, "dpv:hasConsent": eventsOf(f), "volens:mapping": MAPPING,
    "volens:evidence": evidenceOf(e),
  };
  return `${JSON.stringify(out, null, 2).replace(MARKED, (c) => `\\u00${(c.charCodeAt(0) - MARK).toString(16)}`)}\n`;
}

// Go's messages escape <, > and & and nothing else around them does. Until all is text, private characters, which no message
// may hold, stand for them.
const MARK = 0xe000;
const MARKED = /[\ue026\ue03c\ue03e]/g;

function evidenceOf(e: Evidence): object {
  const { ledger, genesis, logKey, stated } = e;
  return {
    ledger, genesis, logKey, consent: provedOf(e.consent), ...(e.ended === undefined ? {} : { ended: provedOf(e.ended) }), members: e.members.map(ordered),
    stated: { jurisdiction: stated.jurisdiction, gateway: stated.gateway },
  };
}

// Members in the order of the schema, whoever made the message.
function ordered(m: Message): unknown {
  const { type, body, openings, sigs } = messageOf(m as unknown as Value);
  return JSON.parse(JSON.stringify({ type, body, openings, sigs }).replace(/[<>&]/g, (c) => String.fromCharCode(MARK + c.charCodeAt(0))));
}

function provedOf({ message, receipt: r }: Proved): object {
  const { commitment, time, leaf, proof, checkpoint } = r;
  return { message: ordered(message), receipt: { position: Number(r.position), commitment, time, leaf, proof, checkpoint } };
}

function prove(e: Evidence): Facts {
  const pinned: PinnedLedger = { id: e.ledger, genesis: e.genesis, name: "", key: e.logKey };
  const { message } = e.consent;
  if (message.type !== "ConsentGrant" && message.type !== "ConsentDecline") {
    return no(`a ${message.type} is no consent of a person`);
  }
  const leaf = check(pinned, e.consent);
  const handle = message.body["handle"] as Handle;
  const seq = message.body["seq"] as string;
  const head = headIn(leaf, handle) ?? no("the leaf has no head of the handle");
  const [genesis, ...rest] = e.members;
  const roster = new Roster(pinned, genesis ?? no("it does not say who the members are"));
  rest.forEach((m) => roster.add(m));
  const by = message.openings.delegation;
  return {
    consent: message.body["consent"] as unknown as Consent, handle, seq, kind: message.type, commitment: leaf.commitment, custodian: head.custodian,
    given: timeOf(leaf), ended: e.ended === undefined ? 0n : endOf(pinned, e.ended, handle, seq),
    signer: by === undefined ? subjectUrn(handle) : `${subjectUrn(handle)}/delegation/${by.seq}`, roster, stated: e.stated,
  };
}

const timeOf = (leaf: Leaf): bigint => leaf.minute * 60_000n;

function no(why: string): never {
  throw new Refused("proof", why);
}

function check(pinned: PinnedLedger, p: Proved): Leaf {
  verify(pinned.id, p.message);
  return checkReceipt(pinned, p.message, p.receipt);
}

function endOf(pinned: PinnedLedger, p: Proved, handle: Handle, seq: string): bigint {
  const leaf = check(pinned, p);
  const { type, body } = p.message;
  const same = body["handle"] === handle;
  if (same && ((type === "ConsentRevoke" && body["consent"] === seq) || (type === "RevokeAll" && BigInt(body["seq"] as string) > BigInt(seq)))) {
    return timeOf(leaf);
  }
  return no("the revocation is of something else");
}

const subjectUrn = (h: Handle): string => `urn:volens:subject:${h}`;
const memberUrn = (id: MemberID): string => `urn:volens:member:${id}`;
const date = (t: bigint): string => new Date(Number(t)).toISOString().replace(/\.\d+Z$/, "Z");

/** memberIn is the member that a FHIR reference names. */
export function memberIn(reference: string): MemberID | undefined {
  return /^Organization\/([^]*)$/.exec(reference)?.[1];
}

function inherited<T>(c: Consent, i: number, of: (p: Provision) => T[]): T[] {
  for (let at = i; ; ) {
    const p = c.provisions[at] ?? no("a rule has no parent");
    const v = of(p);
    if (v.length > 0 || at === 0) {
      return v;
    }
    at = Number(p.parent);
  }
}

function codes(type: string, none: string, list: Coding[]): object[] {
  const out = list.map((c) => ({ "@type": type, "dct:identifier": c.system === "" ? c.code : `${c.system}|${c.code}` }));
  return out.length === 0 && none !== "" ? [{ "@type": type, "dct:identifier": none }] : out;
}

/** processOf maps rule i, with the elements that it inherits from the rules above. */
function processOf(f: Facts, i: number, members: Set<MemberID>): object {
  const c = f.consent;
  const rule = c.provisions[i] ?? no("there is no such rule");
  const jurisdiction = f.stated.jurisdiction || "not stated by the custodian";
  const processing = codes("dpv:Processing", "", inherited(c, i, (p) => p.actions));
  const recipients = inherited<Recipient>(c, i, (p) => p.recipients).map((r) => {
    const id = memberIn(r.reference);
    if (id !== undefined) {
      members.add(id);
    }
    return id === undefined ? r.reference || r.role.code : memberUrn(id);
  });
  return {
    "@type": "dpv:Process", "volens:permitted": rule.effect === "permit", "dpv:hasPurpose": codes("dpv:Purpose", "any", inherited(c, i, (p) => p.purposes)),
    "dpv:hasPersonalData": codes("dpv:SpecialCategoryPersonalData", "any health data", [...rule.resourceTypes, ...rule.codes, ...rule.labels]),
    ...(processing.length === 0 ? {} : { "dpv:hasProcessing": processing }), "dpv:hasDataController": [memberUrn(f.custodian), ...c.controllers],
    "dpv:hasRecipient": recipients.length === 0 ? ["any"] : recipients, "dpv:hasLegalBasis": "dpv:ExplicitlyExpressedConsent",
    "dpv:hasStorageCondition": [{ "@type": "dpv:StorageLocation", "dct:description": `with the custodian; jurisdiction as stated: ${jurisdiction}` }, deletion(c)],
    "dpv:hasJurisdiction": jurisdiction,
    "dpv:hasConsentControl": {
      "@type": "dpv:WithdrawConsent", "dct:description": "sign a revocation in the wallet, at any time and without giving a reason",
      ...(f.stated.gateway === "" ? {} : { "schema:url": f.stated.gateway }),
    },
    "dpv:hasRight": ["dpv:RightToWithdrawConsent", "dpv:RightOfAccess", "dpv:RightToErasure"],
  };
}

/** deletion says until when recipients may keep what they got. */
function deletion(c: Consent): object {
  const at = (type: string, text: string, until?: Millis) => ({ "@type": type, "dct:description": text, ...(until === undefined ? {} : { "dct:date": date(BigInt(until)) }) });
  if (c.eraseBy !== "0") {
    return at("dpv:StorageDeletion", "recipients erase what they hold by this date", c.eraseBy);
  }
  return c.period.end === "0"
    ? at("dpv:StorageDuration", "until the consent is withdrawn; no date of erasure is set")
    : at("dpv:StorageDuration", "until the consent ends; no date of erasure is set", c.period.end);
}

function partyOf(f: Facts, id: MemberID): object[] {
  const m = f.roster.member(id);
  if (m === undefined) {
    return [];
  }
  const where = m.url || "ask the ledger's authorities";
  const type = id === f.custodian ? "dpv:DataController" : "dpv:Recipient";
  return [{ "@id": memberUrn(id), "@type": type, "dpv:hasName": m.name, "dpv:hasAddress": where, "dpv:hasContact": where }];
}

function eventsOf(f: Facts): object[] {
  const refused = f.kind === "ConsentDecline" || f.consent.provisions[0]?.effect === "deny";
  const start = BigInt(f.consent.period.start);
  const from = date(f.given > start ? f.given : start);
  const { end } = f.consent.period;
  const event = (state: string, time: bigint, valid: string) => ({
    "@type": "dpv:ExplicitlyExpressedConsent", "dpv:hasConsentStatus": state, "dct:date": date(time), "dct:valid": valid, "dpv:isIndicatedBy": f.signer,
  });
  const given = event(
    refused ? "dpv:ConsentRefused" : "dpv:ConsentGiven", f.given, end === "0" ? `from ${from} until withdrawn` : `from ${from} until before ${date(BigInt(end))}`,
  );
  return f.ended === 0n ? [given] : [given, event("dpv:ConsentWithdrawn", f.ended, "over")];
}

/** partiesOf keeps, of the messages about members, those that it takes to name these: the genesis, changes of the authorities, and theirs. */
export function partiesOf(messages: readonly Message[], ids: readonly MemberID[]): Message[] {
  return messages.filter((m) => !["MemberAdmit", "MemberUpdate", "MemberSuspend"].includes(m.type) || ids.includes(m.body["member"] as string));
}
