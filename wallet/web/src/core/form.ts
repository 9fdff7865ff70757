/** What a message must be by itself: limits, plain text, ids, rules (chaincode/FORMAT.md section 9). */
import { isUnicode, utf8 } from "./bytes.ts";
import { malformed, Refused } from "./error.ts";
import { structOf } from "./schema.ts";
import type { Consent, Message, Period, Provision, Value } from "./types.ts";

const MAX_TEXT = 1024;
const MAX_VALUES = 32;
const MAX_RULES = 64;
const MAX_DEPTH = 3;

// Default ignorable holds what Unicode calls "other default ignorable"; the rest of it is Cf or a variation selector.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Variation_Selector}\uFFFD]/u;
const MEMBER_ID = /^[a-z][a-z0-9-]{0,63}$/;

function tooLarge(why: string): never {
  throw new Refused("too-large", why);
}

/** isPlain says whether a text holds nothing that could make it look like another. */
export function isPlain(text: string): boolean {
  return isUnicode(text) && !HIDDEN.test(text);
}

function checkText(text: string, max: number): void {
  if (isUnicode(text) && utf8(text).length > max) {
    tooLarge(`a text has more than ${max} bytes`);
  }
  if (!isPlain(text)) {
    malformed("a text has an invisible character");
  }
}

function check(type: string, value: Value | undefined, max: number | undefined): void {
  const plain = type.replace("?", "");
  if (value === undefined || /^(bytes\d+|address|int64|bool)$/.test(plain)) {
    return;
  }
  if (plain === "uint64") {
    if (BigInt(value as string) > 0x7fffffffffffffffn) {
      malformed("a number is above 2^63 - 1");
    }
  } else if (plain === "string") {
    checkText(value as string, max ?? MAX_TEXT);
  } else if (plain.endsWith("[]")) {
    const list = value as Value[];
    if (list.length > (max ?? MAX_VALUES)) {
      tooLarge(`a list has more than ${max ?? MAX_VALUES} values`);
    }
    list.forEach((one) => check(plain.slice(0, -2), one, undefined));
  } else {
    const fields = value as Record<string, Value>;
    structOf(plain).forEach((m) => check(m.type, fields[m.name], m.max));
  }
}

/** checkMessageForm refuses a message that the contract would refuse without looking at any state. */
export function checkMessageForm(m: Message): void {
  if (/^0*$/.test(m.body["salt"] as string)) {
    malformed("a message needs a random salt");
  }
  check(m.type, m.body, undefined);
  check("Openings", m.openings as unknown as Value, undefined);
  if ("consent" in m.body && typeof m.body["consent"] === "object") {
    checkConsent(m.body["consent"] as unknown as Consent);
  }
  const id = m.body["member"] ?? (m.type === "SubjectOpen" ? m.body["custodian"] : undefined);
  if (typeof id === "string" && !MEMBER_ID.test(id)) {
    malformed("not a member id");
  }
}

/** checkConsent checks a consent by itself. */
export function checkConsent(c: Consent): void {
  if (c.provisions.length === 0) {
    malformed("a consent has at least its root rule");
  }
  if (c.provisions.length > MAX_RULES) {
    tooLarge("a consent has at most 64 rules");
  }
  if (!["", "view", "store"].includes(c.accessMode)) {
    malformed("the access mode is empty, view or store");
  }
  if (BigInt(c.eraseBy) < 0n) {
    malformed("the erase-by date is not negative");
  }
  checkPeriod(c.period);
  const depths: number[] = [];
  c.provisions.forEach((p, i) => {
    depths.push(depthOf(p, i, depths));
    checkProvision(p);
  });
}

function depthOf(p: Provision, i: number, depths: readonly number[]): number {
  if (BigInt(p.parent) >= BigInt(Math.max(i, 1))) {
    malformed("the parent comes before its children");
  }
  const depth = i === 0 ? 0 : (depths[Number(p.parent)] ?? 0) + 1;
  if (depth > MAX_DEPTH) {
    tooLarge("rules nest 3 deep at most");
  }
  return depth;
}

function checkProvision(p: Provision): void {
  if (!["permit", "deny"].includes(p.effect)) {
    malformed("an effect is permit or deny");
  }
  if (p.data.some((d) => !["instance", "related", "dependents", "authoredby"].includes(d.meaning))) {
    malformed("there is no such data meaning");
  }
  checkPeriod(p.period);
  checkPeriod(p.dataPeriod);
}

function checkPeriod(p: Period): void {
  const start = BigInt(p.start);
  const end = BigInt(p.end);
  if (start !== 0n && end !== 0n && end <= start) {
    malformed("a period ends after it starts");
  }
}
