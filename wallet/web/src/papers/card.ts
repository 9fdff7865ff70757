/** SMART Health Cards: a JWS (RFC 7515) over raw DEFLATE of a FHIR bundle in a verifiable credential. */
import { type Bytes, fromBase64Url, fromUtf8, utf8 } from "../core/bytes.ts";
import { type Certificate, type Fact, listIn, member, object, textIn, unpack, Unreadable, within } from "./certificate.ts";
import { checkIssuer, type Trust } from "./trust.ts";

export const PREFIX = "shc:/";
export const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const TYPE = "https://smarthealth.cards#health-card";
// A QR code of the size that the framework allows holds that many characters of a JWS whole, or a part of it.
const WHOLE = 1195;
const CHUNK = 1191;
const YEAR_10000 = 253402300800;

function refuse(why: string): never {
  throw new Unreadable(why);
}

/** fromDigits turns the texts of a card's QR codes into its JWS: each character is two digits, its code less 45. */
export function fromDigits(parts: readonly string[]): string {
  const chunks = new Map<number, string>();
  for (const part of parts) {
    const m = /^shc:\/(?:([1-9]\d?)\/([1-9]\d?)\/)?((?:\d\d)+)$/.exec(part) ?? refuse("a card has pairs of digits behind its prefix");
    const [, n, of, digits = ""] = m;
    if (of === undefined ? parts.length > 1 : Number(of) !== parts.length) {
      refuse("a part of the card is missing, or does not say which it is");
    }
    const at = Number(n ?? "1");
    if (at > parts.length || chunks.has(at)) {
      refuse("a part of the card is there twice, or beyond the last");
    }
    chunks.set(at, characters(digits));
  }
  const list = [...chunks].sort(([a], [b]) => a - b).map(([, c]) => c);
  const jws = list.join("");
  if (list.length > 1 && (jws.length <= WHOLE || list.length !== Math.ceil(jws.length / CHUNK) || list.some((c) => c.length > CHUNK))) {
    refuse("the card is in more parts than it needs, or in unequal ones");
  }
  return COMPACT.test(jws) ? jws : refuse("there is no card in the digits");
}

function characters(digits: string): string {
  return digits.replace(/../g, (pair) => (Number(pair) > 77 ? refuse("a pair of digits is above 77") : String.fromCharCode(Number(pair) + 45)));
}

/** cardsIn lists the cards of a .smart-health-card file, or of what a FHIR server's $health-cards-issue returns. */
export function cardsIn(text: string): string[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return refuse("the file is not readable");
  }
  const cards = [...listIn(file, "verifiableCredential")];
  if (member(file, "resourceType") === "Parameters") {
    cards.push(...listIn(file, "parameter").filter((p) => member(p, "name") === "verifiableCredential").map((p) => member(p, "valueString")));
  }
  return cards.length === 0 ? refuse("there is no card in the file") : cards.map((c) => (typeof c === "string" ? c : refuse("a card is a text")));
}

function json(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch {
    return refuse(`${what} is not readable`);
  }
}

/** readCard reads one card and judges it; rules (b) and (d). */
export async function readCard(text: string, trust: Trust, now: number): Promise<Certificate> {
  if (!COMPACT.test(text)) {
    refuse("this is no card");
  }
  const [head = "", body = "", tail = ""] = text.split(".");
  const [header, packed, signature] = [head, body, tail].map(part) as [Bytes, Bytes, Bytes];
  const h = json(header, "the header");
  const kid = textIn(h, "kid");
  if (member(h, "alg") !== "ES256" || member(h, "zip") !== "DEF" || kid === "" || member(h, "crit") !== undefined) {
    refuse('a card’s header has "alg" ES256, "zip" DEF and a "kid"');
  }
  const { card, id } = readPayload(await unpack(packed, "deflate-raw"), now);
  card.key = kid;
  const key = trust.cardKey(card.issuer, kid);
  if (key === undefined) {
    object(card, "unknown-key", "its key is not on the trust list");
  } else if (!(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key.key, signature, utf8(`${head}.${body}`)))) {
    object(card, "signature", "its signature is wrong: it was changed, or is false");
  } else {
    const why = trust.revoked(card.issuer, kid, key, id, card.issued);
    if (why !== "") {
      object(card, "revoked", why);
    }
  }
  return card;
}

function part(text: string): Bytes {
  try {
    return fromBase64Url(text);
  } catch {
    return refuse("a part of the card is no base64url");
  }
}

/** readPayload reads what a card says, and judges rules (a), (e) and (g) on it. */
export function readPayload(bytes: Uint8Array, now: number): { card: Certificate; id: string } {
  const text = fromUtf8(bytes);
  if (text.trim() !== text) {
    refuse("something stands before or behind the card’s content");
  }
  const c = json(bytes, "the card");
  const vc = member(c, "vc");
  const subject = member(vc, "credentialSubject");
  const content = member(subject, "fhirBundle");
  const card: Certificate = {
    kind: "smart-health-card", issuer: textIn(c, "iss"), key: "", issued: 0, expires: 0, person: { family: "", given: "", born: "" }, facts: [], problems: [], content,
  };
  const issued = member(c, "nbf") ?? refuse("the card does not say since when it holds");
  card.issued = instant(issued) ?? (object(card, "not-yet-valid", "it is issued for a year that is none"), 0);
  const expires = member(c, "exp");
  if (expires !== undefined && expires !== null) {
    card.expires = instant(expires) ?? (object(card, "expired", "it ends in a year that is none"), 0);
  }
  within(card, now);
  try {
    checkIssuer(card.issuer);
  } catch {
    object(card, "issuer", "its issuer is no https URL without a slash at its end");
  }
  if (!listIn(vc, "type").includes(TYPE)) {
    object(card, "schema", "it does not say that it is a health card");
  }
  if (!textIn(subject, "fhirVersion").startsWith("4.")) {
    object(card, "schema", "it holds no FHIR R4");
  }
  describe(card, content);
  return { card, id: textIn(vc, "rid") };
}

// A NumericDate in millis. Issuers have sent milliseconds as seconds: a year above 9999 is no date.
function instant(seconds: unknown): number | undefined {
  if (typeof seconds !== "number") {
    return refuse("a date is none");
  }
  return seconds >= 0 && seconds < YEAR_10000 ? Math.trunc(seconds * 1000) : undefined;
}

/** describe fills in what the FHIR bundle says: its patient, and a line for each other resource. */
function describe(card: Certificate, bundle: unknown): void {
  if (member(bundle, "resourceType") !== "Bundle") {
    object(card, "schema", "it holds no FHIR bundle");
    return;
  }
  for (const entry of listIn(bundle, "entry")) {
    const r = member(entry, "resource");
    const type = member(r, "resourceType");
    if (typeof type !== "string" || type === "") {
      object(card, "schema", "one of its resources cannot be read");
    } else if (type === "Patient") {
      const [name] = listIn(r, "name");
      const given = listIn(name, "given").filter((g) => typeof g === "string").join(" ");
      card.person = { family: textIn(name, "family") || textIn(name, "text"), given, born: textIn(r, "birthDate") };
    } else {
      card.facts.push(factOf(type, r));
    }
  }
}

function factOf(kind: string, r: unknown): Fact {
  const [vaccine, code, value] = ["vaccineCode", "code", "valueCodeableConcept"].map((n) => member(r, n));
  const date = ["occurrenceDateTime", "effectiveDateTime", "onsetDateTime"].map((n) => textIn(r, n)).find((t) => t !== "") ?? "";
  const said = [words(vaccine) || words(code), words(value) || coded(value) || textIn(r, "valueString")].join(" ");
  return { kind, date, code: coded(vaccine) || coded(code), text: said.split(/\s+/).filter((w) => w !== "").join(" ") };
}

function coded(concept: unknown): string {
  const [first] = listIn(concept, "coding");
  return first === undefined ? "" : `${textIn(first, "system")}|${textIn(first, "code")}`;
}

function words(concept: unknown): string {
  return textIn(concept, "text") || textIn(listIn(concept, "coding")[0], "display");
}
