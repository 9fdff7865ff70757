/** Consents that a custodian has as FHIR: found in a file, sent as batches (gateway/fhir). */
import { fail } from "../api/error.ts";
import type { Imported } from "../api/volens.ts";

type Json = Record<string, unknown>;

const isConsent = (v: unknown): v is Json => typeof v === "object" && v !== null && (v as Json)["resourceType"] === "Consent";

/** consentsIn finds the Consents of a file: one, a list, a Bundle, or one a line. */
export function consentsIn(text: string): Json[] {
  const read = (s: string): unknown => {
    try {
      return JSON.parse(s) as unknown;
    } catch {
      return undefined;
    }
  };
  const whole = read(text);
  const list = whole === undefined ? text.split("\n").filter((l) => l.trim() !== "").map(read) : spread(whole);
  const found = list.filter(isConsent);
  if (found.length === 0) {
    fail("malformed", "there is no FHIR Consent in the file");
  }
  return found;
}

function spread(v: unknown): unknown[] {
  if (Array.isArray(v)) {
    return v as unknown[];
  }
  const bundle = v as { resourceType?: string; entry?: { resource?: unknown }[] } | null;
  return bundle?.resourceType === "Bundle" ? (bundle.entry ?? []).map((e) => e.resource) : [v];
}

/** releaseOf tells R5 from R4 by the elements that only one of them has. */
export const releaseOf = (c: Json): "R4" | "R5" => ("decision" in c || "grantor" in c || "subject" in c || Array.isArray(c["provision"]) ? "R5" : "R4");

const BATCH = 250;

interface Back {
  entry?: { response?: { status?: string; outcome?: { issue?: { severity?: string; diagnostics?: string; details?: { text?: string } }[] } } }[];
}

/** importConsents sends them in batches and counts what became of them. */
export async function importConsents(text: string, send: (path: string, body: unknown) => Promise<unknown>): Promise<Imported> {
  const sum: Imported = { entered: 0, there: 0, refused: [], partly: 0 };
  const all = consentsIn(text).map((consent, i) => ({ consent, n: i + 1, release: releaseOf(consent) }));
  for (const release of ["R4", "R5"] as const) {
    const mine = all.filter((c) => c.release === release);
    for (let at = 0; at < mine.length; at += BATCH) {
      const batch = mine.slice(at, at + BATCH);
      const entry = batch.map(({ consent }) => ({ resource: consent, request: { method: "POST", url: "Consent" } }));
      const back = (await send(`/fhir/${release}`, { resourceType: "Bundle", type: "batch", entry })) as Back;
      if (back.entry?.length !== batch.length) {
        fail("internal", "the gateway answered another number of consents");
      }
      back.entry.forEach(({ response }, i) => tally(sum, batch[i]?.n ?? 0, response));
    }
  }
  return sum;
}

function tally(sum: Imported, n: number, response: NonNullable<Back["entry"]>[number]["response"]): void {
  const issues = response?.outcome?.issue ?? [];
  if (response?.status === "201") {
    sum.entered++;
  } else if (response?.status === "200") {
    sum.there++;
  } else {
    const why = issues.map((i) => i.diagnostics ?? i.details?.text ?? "").filter((s) => s !== "");
    sum.refused.push({ n, why: why.join(" ") });
    return;
  }
  if (issues.some((i) => i.severity === "warning")) {
    sum.partly++;
  }
}
