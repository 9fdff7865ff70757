/**
 * Consent receipts by ISO/IEC TS 27560:2023 in JSON-LD, as package takeout in Go makes them: computed from evidence that they
 * carry, so that "volens verify" and anybody else can compute them again. Both write the same text.
 */
import { type Evidence, type Facts, prove, type Proved, type Signer } from "./evidence.ts";
import { Refused } from "./error.ts";
import { messageOf } from "./message.ts";
import type { Coding, Consent, Delegate, Handle, MemberID, Message, Millis, Provision, Recipient, Value } from "./types.ts";

const SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#receipt";
const MAPPING = "2";
const CONTEXT = { dct: "http://purl.org/dc/terms/", dpv: "https://w3id.org/dpv#", schema: "https://schema.org/", volens: "urn:volens:vocabulary:" };

/** consentReceipt makes the receipt's text. It throws Refused when the evidence does not hold. */
export function consentReceipt(e: Evidence): string {
  const f = prove(e);
  if (BigInt(e.stated.issued) <= 0n) {
    no("it does not say when it was issued");
  }
  const members = new Set<MemberID>([f.custodian]);
  const process = f.consent.provisions.map((_, i) => processOf(f, e.stated, i, members));
  const parties = [...members].sort().flatMap((id) => partyOf(f, id));
  const subject = subjectUrn(f.handle);
  const out = {
    "@context": CONTEXT, "@id": `urn:volens:receipt:${f.commitment}`, "@type": "dpv:ConsentReceipt", "dct:conformsTo": SCHEMA,
    "dct:identifier": `${subject}/consent/${f.seq}`, "dct:issued": date(BigInt(e.stated.issued)), "volens:signedBy": ownerOf(f), "dpv:hasDataSubject": subject,
    "dpv:hasNotice": {
      "@type": "dpv:ConsentNotice", "dct:identifier": /^0*$/.test(f.consent.textHash) ? "not recorded" : `sha256:${f.consent.textHash}`, "dct:language": f.consent.locale || "und",
      ...(f.consent.policies.length === 0 ? {} : { "dct:references": f.consent.policies }),
    },
    "dpv:hasProcess": process, "dpv:hasEntity": parties.length === 0 ? null : parties, "dpv:hasConsent": [...eventsOf(f, e), ...later(f, e)], "volens:mapping": MAPPING,
    "volens:evidence": evidenceOf(e),
  };
  return `${JSON.stringify(out, null, 2).replace(MARKED, (c) => `\\u00${(c.charCodeAt(0) - MARK).toString(16)}`)}\n`;
}

// Go's messages escape <, > and & and nothing else around them does. Until all is text, private characters, which no message
// may hold, stand for them.
const MARK = 0xe000;
const MARKED = /[\ue026\ue03c\ue03e]/g;

function evidenceOf(e: Evidence): object {
  const { ledger, genesis, logKey, confirm, ended, stated } = e;
  return {
    ledger, genesis, logKey, consent: provedOf(e.consent), ...(confirm === undefined ? {} : { confirm: provedOf(confirm) }),
    ...(ended === undefined ? {} : { ended: provedOf(ended) }), members: e.members.map(ordered),
    stated: { jurisdiction: stated.jurisdiction, gateway: stated.gateway, issued: stated.issued, ...(stated.gone === true ? { gone: true } : {}) },
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

function no(why: string): never {
  throw new Refused("proof", why);
}

/** ownerOf is who stands behind the consent: it is the person's own once she has confirmed it. */
const ownerOf = (f: Facts): Signer => (f.confirmed !== 0n ? "subject" : f.by);

/** How a consent is expressed by whom: what a custodian enters is somebody's consent, and no signature of hers. */
const expressed = (by: Signer): string => (by === "custodian" ? "dpv:Consent" : "dpv:ExplicitlyExpressedConsent");

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
function processOf(f: Facts, stated: Evidence["stated"], i: number, members: Set<MemberID>): object {
  const c = f.consent;
  const rule = c.provisions[i] ?? no("there is no such rule");
  const jurisdiction = stated.jurisdiction || "not stated by the custodian";
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
    "dpv:hasRecipient": recipients.length === 0 ? ["any"] : recipients, "dpv:hasLegalBasis": expressed(ownerOf(f)),
    "dpv:hasStorageCondition": [{ "@type": "dpv:StorageLocation", "dct:description": `with the custodian; jurisdiction as stated: ${jurisdiction}` }, deletion(c)],
    "dpv:hasJurisdiction": jurisdiction,
    "dpv:hasConsentControl": {
      "@type": "dpv:WithdrawConsent", "dct:description": "sign a revocation in the wallet, at any time and without giving a reason",
      ...(stated.gateway === "" ? {} : { "schema:url": stated.gateway }),
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

/** entityOf names who expressed the consent, or ended it. */
function entityOf(f: Facts, by: Signer, delegation: Delegate | undefined): string {
  if (by === "custodian") {
    return memberUrn(f.custodian);
  }
  return by === "delegate" && delegation !== undefined ? `${subjectUrn(f.handle)}/delegation/${delegation.seq}` : subjectUrn(f.handle);
}

const event = (type: string, state: string, time: bigint, valid: string, entity: string, note = ""): object => ({
  "@type": type, "dpv:hasConsentStatus": state, "dct:date": date(time), "dct:valid": valid, "dpv:isIndicatedBy": entity, ...(note === "" ? {} : { "dct:description": note }),
});

function eventsOf(f: Facts, e: Evidence): object[] {
  const state = f.kind === "ConsentDecline" || f.consent.provisions[0]?.effect === "deny" ? "dpv:ConsentRefused" : "dpv:ConsentGiven";
  const start = BigInt(f.consent.period.start);
  const from = date(f.given > start ? f.given : start);
  const { end } = f.consent.period;
  const valid = end === "0" ? `from ${from} until withdrawn` : `from ${from} until before ${date(BigInt(end))}`;
  const by = entityOf(f, f.by, e.consent.message.openings.delegation);
  const out = [event(expressed(f.by), state, f.given, valid, by, f.by === "custodian" ? attestation(f) : "")];
  if (f.confirmed !== 0n) {
    out.push(event(expressed("subject"), state, f.confirmed, valid, subjectUrn(f.handle), "confirmed by the person's own signature"));
  }
  if (f.ended !== 0n) {
    const how = f.endedBy === "custodian" ? "dpv:ConsentRevoked" : "dpv:ConsentWithdrawn";
    out.push(event(expressed(ownerOf(f)), how, f.ended, "over", entityOf(f, f.endedBy, e.ended?.message.openings.delegation), f.endedHow));
  }
  return out;
}

/** attestation says what an entry by the custodian is, and is not. */
function attestation(f: Facts): string {
  const on = f.consent.recordedAt === "0" ? "" : ` on ${date(BigInt(f.consent.recordedAt))}`;
  return (
    `entered by the custodian, who states that the person expressed it elsewhere, as on paper${on}, and signed by the custodian, not by the person; ` +
    `the custodian's document has the SHA-256 ${f.document}`
  );
}

/** later is what no message says: that the consent had run out when the receipt was issued, or that nobody could tell. */
function later(f: Facts, { stated }: Evidence): object[] {
  const end = BigInt(f.consent.period.end);
  const kind = expressed(ownerOf(f));
  const who = memberUrn(f.custodian);
  if (f.ended !== 0n || f.kind === "ConsentDecline") {
    return [];
  }
  if (end !== 0n && end <= BigInt(stated.issued)) {
    return [event(kind, "dpv:ConsentExpired", end, "over", who, "by its own end")];
  }
  return stated.gone === true
    ? [event(kind, "dpv:ConsentUnknown", BigInt(stated.issued), "not known", who, "the custodian's gateway did not know the subject any more when this was issued, as after an erasure")]
    : [];
}

/** partiesOf keeps, of the messages about members, those that it takes to name these: the genesis, changes of the authorities, and theirs. */
export function partiesOf(messages: readonly Message[], ids: readonly MemberID[]): Message[] {
  return messages.filter((m) => !["MemberAdmit", "MemberUpdate", "MemberSuspend"].includes(m.type) || ids.includes(m.body["member"] as string));
}
