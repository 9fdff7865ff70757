import type { Consent } from '../core/types.ts';

/** The terms of the Data Use Ontology (DUO) that the app has words for, by their shorthand: what a study is, and what it keeps to. */
export const permissions = { GRU: '42', HMB: '6', DS: '7', POA: '11' } as const;
export const modifiers = {
  IRB: '21', NPU: '45', NCU: '46', NPUNCU: '18', COL: '20', PUB: '19', MOR: '24', RTN: '29', TS: '25', GS: '22', IS: '28', PS: '27', US: '26', RS: '12', GSO: '16', NMDS: '15',
} as const;

const numbers: Record<string, string> = { ...permissions, ...modifiers, NRES: '4', CC: '43' };
const obo = 'http://purl.obolibrary.org/obo/';
const visa = 'https://volens.example/fhir/CodeSystem/ga4gh-visa|';
/** NPOA has an identifier of eight digits in the ontology itself. */
const idOf = (short: string): string => (short === 'NPOA' ? '00000044' : (numbers[short] ?? '').padStart(7, '0'));
const shorts = new Map([...Object.keys(numbers), 'NPOA'].map((short) => [`DUO_${idOf(short)}`, short]));

/** What studies a consent is for (policies/README.md, N3): nothing means any. */
export interface DataUses {
  /** Shorthands of DUO, where there are words for them; else, and for illnesses, names such as MONDO:0005148. */
  terms: string[];
  /** Types of GA4GH visas, or type=value. */
  visas: string[];
}

/** usesOf reads them from a consent's policies. */
export function usesOf(consent: Consent): DataUses {
  const tails = (of: string) => consent.policies.filter((p) => p.startsWith(of)).map((p) => p.slice(of.length));
  return { terms: tails(obo).map((t) => shorts.get(t) ?? t.replace('_', ':')), visas: tails(visa) };
}

/** policiesOf writes them. */
export function policiesOf({ terms, visas }: DataUses): string[] {
  return [...terms.map((t) => obo + (t.includes(':') ? t.replace(':', '_') : `DUO_${idOf(t)}`)), ...visas.map((v) => visa + v)];
}

/** listed splits what was typed with commas; null when one of them has not the form. */
export function listed(text: string, form: RegExp): string[] | null {
  const names = text.split(/[,،、\s]+/).filter((n) => n !== '');
  return names.every((n) => form.test(n)) ? names : null;
}

export const diseaseForm = /^(?!DUO:)[A-Za-z0-9]{1,32}:[A-Za-z0-9]{1,32}$/;
export const visaForm = /^(AffiliationAndRole|AcceptedTermsAndPolicies|ResearcherStatus|ControlledAccessGrants|LinkedIdentities|https?:\/\/[^\s=]+)(=\S+)?$/;

/** passportOf reads a file: a passport's token, or the visas of a JSON object such as a broker's userinfo answer; null when it is neither. */
export function passportOf(file: string): string | null {
  const text = file.trim();
  const token = /^[\w-]+\.[\w-]+\.[\w-]+$/;
  try {
    const visas = (JSON.parse(text) as { ga4gh_passport_v1?: unknown } | null)?.ga4gh_passport_v1;
    return Array.isArray(visas) && visas.length > 0 && visas.every((v) => typeof v === 'string' && token.test(v)) ? visas.join(' ') : null;
  } catch {
    return text !== '' && text.split(/\s+/).every((t) => token.test(t)) ? text : null;
  }
}
