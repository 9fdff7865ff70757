import type { ConsentEntry } from '../api/wire.ts';
import type { Coding, Consent, Millis, Period, Provision } from '../core/types.ts';
import { type DataUses, policiesOf, usesOf } from './study.ts';

/** The code systems that the app writes, by HL7's names. */
export const systems = {
  purpose: 'http://terminology.hl7.org/CodeSystem/v3-ActReason',
  action: 'http://terminology.hl7.org/CodeSystem/consentaction',
  resourceType: 'http://hl7.org/fhir/resource-types',
  confidentiality: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality',
  participation: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType',
} as const;

export const coding = (system: keyof typeof systems, code: string): Coding => ({ system: systems[system], code });

/** The date of a decimal, or null when it is not set. */
export const timeOf = (d: Millis | undefined): number | null => (d === undefined || d === '0' || d === '' ? null : Number(d));

const noPeriod: Period = { start: '0', end: '0' };

const rule = (effect: 'permit' | 'deny'): Provision => ({
  parent: '0',
  effect,
  period: noPeriod,
  recipients: [],
  roles: [],
  actions: [],
  purposes: [],
  resourceTypes: [],
  codes: [],
  labels: [],
  dataPeriod: noPeriod,
  data: [],
});

/** What the guided form asks. */
export interface Choice {
  members: readonly string[];
  purposes: readonly string[];
  types: readonly string[]; // none: the whole record
  keepPrivate: boolean;
  from: number;
  until: number; // exclusive
  locale: string;
  uses?: DataUses; // none: any study
}

/** termsOf is the consent that a choice stands for: one rule that permits, and one below it that keeps private data closed. */
export function termsOf(c: Choice): Consent {
  const root: Provision = {
    ...rule('permit'),
    recipients: c.members.map((id) => ({ role: coding('participation', 'IRCP'), reference: `Organization/${id}` })),
    purposes: c.purposes.map((p) => coding('purpose', p)),
    resourceTypes: c.types.map((type) => coding('resourceType', type)),
  };
  const closed: Provision = { ...rule('deny'), labels: [coding('confidentiality', 'R')] };
  return {
    kind: 'patient-privacy',
    categories: [],
    identifiers: [],
    recordedAt: String(c.from),
    grantors: [],
    grantees: [],
    controllers: [],
    period: { start: String(c.from), end: String(c.until) },
    provisions: c.keepPrivate ? [root, closed] : [root],
    policies: policiesOf(c.uses ?? { terms: [], visas: [] }),
    textHash: '0'.repeat(64),
    locale: c.locale,
    maxUses: '0',
    eraseBy: '0',
    accessMode: '',
  };
}

/** narrowed is terms with fewer data and an earlier end. Everything else stays as it was. */
export function narrowed(old: Consent, less: { types: readonly string[] | null; keepPrivate: boolean; until: number; now: number; locale: string }): Consent {
  const [root, ...rest] = old.provisions;
  if (root === undefined) return old;
  const types = less.types === null ? root.resourceTypes : less.types.map((type) => coding('resourceType', type));
  const has = rest.some((p) => p.effect === 'deny' && p.labels.some((l) => l.code === 'R'));
  const more = less.keepPrivate && !has ? [{ ...rule('deny'), labels: [coding('confidentiality', 'R')] }] : [];
  return {
    ...old,
    recordedAt: String(less.now),
    locale: less.locale,
    period: { start: old.period.start, end: String(less.until) },
    provisions: [{ ...root, resourceTypes: types }, ...rest, ...more],
  };
}

/** The part of a consent that can be said in a few plain sentences. */
export interface Plain {
  permits: boolean;
  members: string[]; // ids; none and anyone: whoever asks
  others: string[]; // recipients that are not members
  anyone: boolean;
  purposes: string[]; // none: any
  types: string[]; // none: all
  except: string[]; // labels and types that stay closed
  until: number | null;
  from: number | null;
  uses: DataUses; // the studies that it is for
  whole: boolean; // false: the consent says more than this
}

/** plainOf reads a consent into what can be said plainly, and says whether that is all of it. */
export function plainOf(t: Consent): Plain {
  const [root, ...rest] = t.provisions;
  const base = { from: timeOf(t.period.start), until: timeOf(t.period.end), uses: usesOf(t) };
  if (root === undefined) {
    return { permits: false, members: [], others: [], anyone: true, purposes: [], types: [], except: [], whole: true, ...base };
  }
  const prefix = 'Organization/';
  const references = root.recipients.map((r) => r.reference);
  const except: string[] = [];
  let whole = simple(root) && root.labels.length === 0;
  for (const p of rest) {
    const list = [...p.labels, ...p.resourceTypes];
    const onlyOne = (p.labels.length === 0) !== (p.resourceTypes.length === 0);
    const plain = p.effect === 'deny' && root.effect === 'permit' && p.parent === '0' && onlyOne && simple(p) && p.purposes.length === 0 && p.recipients.length === 0;
    if (plain) except.push(...list.map((c) => c.code));
    else whole = false;
  }
  return {
    permits: root.effect === 'permit',
    members: references.filter((r) => r.startsWith(prefix)).map((r) => r.slice(prefix.length)),
    others: references.filter((r) => !r.startsWith(prefix)),
    anyone: references.length === 0,
    purposes: root.purposes.map((c) => c.code),
    types: root.resourceTypes.map((c) => c.code),
    except,
    whole: whole && t.maxUses === '0' && t.eraseBy === '0' && t.accessMode === '',
    ...base,
  };
}

/** simple: a rule that limits nothing but recipients, purposes, types and labels. */
const simple = (p: Provision): boolean =>
  p.codes.length + p.data.length + p.roles.length + p.actions.length === 0 &&
  p.period.start === '0' && p.period.end === '0' && p.dataPeriod.start === '0' && p.dataPeriod.end === '0';

export type Standing = 'active' | 'future' | 'expired' | 'revoked' | 'replaced' | 'declined';

/** inForce says whether a consent counts now, and why not. */
export function inForce(c: ConsentEntry, now: number): Standing {
  if (c.kind === 'ConsentDecline') return 'declined';
  if (c.status === 'replaced') return 'replaced';
  if (c.status !== 'live') return 'revoked';
  const from = timeOf(c.consent.period.start);
  const until = timeOf(c.consent.period.end);
  if (until !== null && until <= now) return 'expired';
  return from !== null && from > now ? 'future' : 'active';
}
