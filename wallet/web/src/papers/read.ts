/** One way in for every health document that is known here. */
import { COMPACT, cardsIn, fromDigits, PREFIX as CARD, readCard } from "./card.ts";
import { type Certificate, MOST, Unreadable } from "./certificate.ts";
import { PREFIX as HCERT, readHcert } from "./hcert.ts";
import { Trust } from "./trust.ts";

/** readCertificates decodes a document, or the several of a file, and judges each at now (millis). Unreadable: it is none. */
export async function readCertificates(text: string, trust: Trust, now: number): Promise<Certificate[]> {
  if (text.length > MOST) {
    throw new Unreadable("a health document is not that long");
  }
  if (text.startsWith(HCERT)) {
    return [await readHcert(text, trust, now)];
  }
  if (text.startsWith("{")) {
    return Promise.all(cardsIn(text).map((card) => readCard(card, trust, now)));
  }
  if (text.startsWith(CARD)) {
    return [await readCard(fromDigits(text.split(/\s+/).filter((part) => part !== "")), trust, now)];
  }
  if (COMPACT.test(text)) {
    return [await readCard(text, trust, now)];
  }
  throw new Unreadable("this is no health document: it begins with HC1: or shc:/, or is a .smart-health-card file");
}

/** trustOf reads a trust list: {"keys": [...]}. A part that cannot be read is left out: it makes nothing true. */
export async function trustOf(list: unknown): Promise<Trust> {
  const trust = new Trust();
  const keys = typeof list === "object" && list !== null && "keys" in list && Array.isArray(list.keys) ? (list.keys as unknown[]) : [];
  for (const part of keys) {
    try {
      await trust.add(part);
    } catch (error) {
      if (!(error instanceof Unreadable)) {
        throw error;
      }
    }
  }
  return trust;
}
