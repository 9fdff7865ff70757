/** The whole of the wallet behind the interface that the views know, without any worker around it: so tests use it as it is. */
import { isVolensError } from "../api/error.ts";
import { Http } from "../api/http.ts";
import type { SubjectInfo, Volens, VolensEvent, Wallet } from "../api/volens.ts";
import type { Asked, ConsentEntry, Access, Me } from "../api/wire.ts";
import { addressOf } from "../core/key.ts";
import { commitment, messageOf } from "../core/message.ts";
import type { Handle, Value } from "../core/types.ts";
import type { Subject } from "../keys/book.ts";
import type { Storage } from "../keys/storage.ts";
import { Safe } from "../keys/vault.ts";
import { Context, trusted } from "./context.ts";
import { Drafts } from "./drafts.ts";
import { adopt, delegationFile, readInvitation, reminder, takeDelegation } from "./enrol.ts";
import { Follower } from "./follow.ts";
import { organisation } from "./organisation.ts";
import { papers } from "./papers.ts";
import { receiptText } from "./receipt.ts";
import { guardiansFile, helping, recovery } from "./recover.ts";
import { UsesService } from "./uses.ts";

/** What the core stands on. */
export interface Environment {
  origin: string;
  fetch: typeof fetch;
  storage: Storage;
  now: () => number;
  random: (bytes: Uint8Array) => void;
  /** scrypt's cost; tests lower it. */
  logN?: number;
}

/** PasskeyPort is the part of unlocking by passkey that is not for views: the page's own code asks the device. */
export interface PasskeyPort {
  hint(): Promise<{ id: string; salt: string } | undefined>;
  unlock(secret: Uint8Array): Promise<void>;
  add(password: string, id: string, salt: string, secret: Uint8Array): Promise<void>;
}

/** Core is Volens and what only client.ts uses. */
export type Core = Volens & { passkey: PasskeyPort };

/** createCore makes one. */
export function createCore(env: Environment): Core {
  const listeners = new Set<(event: VolensEvent) => void>();
  const tell = (event: VolensEvent): void => listeners.forEach((l) => l(event));
  const safe = new Safe({
    storage: env.storage, random: env.random, ...(env.logN === undefined ? {} : { logN: env.logN }),
    onLock: () => {
      forget();
      tell({ type: "locked" });
    },
    onUnlock: () => tell({ type: "unlocked" }),
  });
  const cx = new Context(safe, new Http(env.origin, env.fetch), env.now, env.random);
  const drafts = new Drafts(cx);
  const uses = new UsesService(cx);
  const follower = new Follower(cx, tell);
  const office = organisation(cx);
  let leaving: Promise<void> = Promise.resolve();
  const forget = (): void => {
    drafts.clear();
    uses.clear();
    follower.stop();
    office.clear();
    leaving = cx.forget();
  };
  return {
    vault: {
      status: () => safe.status(),
      create: (password) => safe.create(password),
      words: async () => safe.words(),
      quiz: async () => safe.quiz(),
      confirm: (answers) => safe.confirm(answers),
      import: (words, password) => safe.import(words, password),
      importKey: (text, password) => safe.importKey(text, password),
      unlock: (password) => safe.unlock(password),
      unlockWithPasskey: () => Promise.reject(new Error("the page asks the device")),
      addPasskey: () => Promise.reject(new Error("the page asks the device")),
      removePasskey: () => safe.removePasskey(),
      lock: async () => {
        safe.lock();
        await leaving;
      },
      changePassword: (old, next) => safe.changePassword(old, next),
      setAutoLock: (minutes) => safe.setAutoLock(minutes),
      touch: async () => safe.touch(),
      backup: () => safe.backup(),
      restore: (file, password, replace) => safe.restore(file, password, replace),
      suggest: async (prefix) => safe.suggest(prefix),
      destroy: () => safe.destroy(),
    },
    passkey: {
      hint: () => safe.passkeyHint(),
      unlock: (secret) => safe.unlockWithSecret(secret),
      add: (password, id, salt, secret) => safe.addPasskey(password, id, salt, secret),
    },
    wallet: wallet(cx, drafts),
    helping: helping(cx),
    recovery: recovery(cx),
    papers: papers(cx),
    uses: {
      sync: (handle) => uses.sync(handle),
      last: async (handle) => uses.last(handle),
      verifyFile: (handle, json) => uses.verifyFile(handle, json),
      exportCsv: (handle) => cx.asText(cx.subject(handle), "/v1/me/uses.csv"),
      exportJson: (handle) => cx.asText(cx.subject(handle), "/v1/me/uses.json"),
      exportFhir: (handle) => fhirOf(cx, cx.subject(handle)),
    },
    organisation: office,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    follow: async (handle) => follower.follow(handle),
    build: async () => (await cx.http.json("/build.json", { again: true })) as { hash: string; files: Record<string, string> },
  };
}

interface Bundle {
  link?: { relation: string; url: string }[];
  entry?: { fullUrl?: string; resource: unknown }[];
}

/** fhirOf is every use as a FHIR AuditEvent, in one bundle. */
async function fhirOf(cx: Context, s: Subject): Promise<string> {
  const entry: Bundle["entry"] = [];
  let path: string | undefined = "/fhir/R4/AuditEvent?_count=100";
  const seen = new Set<string>();
  while (path !== undefined && !seen.has(path)) {
    seen.add(path);
    const page: Bundle = await cx.as<Bundle>(s, path);
    // What a search says of an entry has no place in a collection.
    entry.push(...(page.entry ?? []).map(({ fullUrl, resource }) => (fullUrl === undefined ? { resource } : { fullUrl, resource })));
    const next = page.link?.find((l) => l.relation === "next")?.url;
    const url: URL | undefined = next === undefined ? undefined : new URL(next, cx.http.origin);
    path = url?.origin === cx.http.origin ? url.pathname + url.search : undefined;
  }
  return `${JSON.stringify({ resourceType: "Bundle", type: "collection", entry }, null, 2)}\n`;
}

function infoOf(cx: Context, s: Subject): SubjectInfo {
  const info: SubjectInfo = {
    handle: s.handle, label: s.label, custodian: s.custodian, custodianName: s.custodianName, ledgerName: cx.pinned(s.ledger).name, gateway: s.gateway,
    here: s.gateway === cx.http.origin, address: addressOf(cx.safe.keys().key(s.handle, s.generation)), seq: s.seq,
  };
  if (s.delegation !== undefined) {
    const { seq, kind, scope, period, majority } = s.delegation;
    const ends = [period.end, majority].filter((t) => t !== "0").sort((a, b) => Number(a) - Number(b))[0] ?? "0";
    info.delegation = { seq, kind, scope, ends };
  }
  if (s.erased !== undefined) {
    info.erased = s.erased;
  }
  return info;
}

function wallet(cx: Context, drafts: Drafts): Wallet {
  const change = async (handle: Handle, work: (s: Subject) => void): Promise<void> => {
    work(cx.subject(handle));
    await cx.safe.save();
  };
  return {
    subjects: async () => cx.safe.content().subjects.map((s) => infoOf(cx, s)),
    readInvitation: async (text) => readInvitation(cx, text),
    adopt: async (text, label) => infoOf(cx, await adopt(cx, text, label ?? "")),
    takeDelegation: async (file, label) => infoOf(cx, await takeDelegation(cx, file, label)),
    addressFor: async (handle) => cx.safe.keys().address(handle, 0),
    delegationFile: async (handle, delegation) => delegationFile(cx, cx.subject(handle), delegation),
    guardians: async (handle) => {
      const { guardians: g } = cx.subject(handle);
      return g === undefined ? undefined : { guardians: g.set.addresses.map((address, i) => ({ address, name: g.names[i] ?? "" })), threshold: Number(g.set.threshold) };
    },
    guardiansFile: async (handle) => guardiansFile(cx, cx.subject(handle)),
    reminder: async (handle) => reminder(cx, cx.subject(handle)),
    rename: (handle, label) => change(handle, (s) => {
      s.label = label;
    }),
    forget: (handle) => change(handle, (s) => {
      const content = cx.safe.content();
      content.subjects = content.subjects.filter((x) => x !== s);
    }),
    prepare: (intent) => drafts.prepare(intent),
    sign: (draft) => drafts.sign(draft),
    discard: async (draft) => drafts.discard(draft),
    me: async (handle) => {
      const me = await cx.as<Omit<Me, "delegations"> & { delegations: Me["delegations"] | null }>(cx.subject(handle), "/v1/me");
      return { ...me, delegations: me.delegations ?? [] };
    },
    consents: (handle) => consents(cx, cx.subject(handle)),
    requests: async (handle) => (await cx.as<{ requests: Asked[] }>(cx.subject(handle), "/v1/me/requests")).requests,
    preview: (handle, what) => cx.as<Access>(cx.subject(handle), "/v1/me/preview", what),
    consentReceipt: async (handle, seq) => receiptText(cx, cx.subject(handle), seq),
    kept: async (handle) => cx.subject(handle).records,
    members: async () => {
      const info = await cx.ledgerInfo();
      const pinned = cx.safe.content().ledgers.find((l) => l.id === info.id);
      const genesis = trusted("roster", () => messageOf(info.genesis as unknown as Value));
      return (await cx.roster(pinned ?? { id: info.id, genesis: commitment("Init", genesis.body) })).all();
    },
    ledger: () => cx.ledgerInfo(),
  };
}

/** consents come from the gateway, or, where it cannot be reached, from what was kept encrypted on the device. */
async function consents(cx: Context, s: Subject): Promise<{ consents: ConsentEntry[]; stale: boolean; asOf: string }> {
  try {
    const { consents: list } = await cx.as<{ consents: ConsentEntry[] }>(s, "/v1/me/consents");
    const asOf = String(cx.now());
    if (JSON.stringify(s.consents?.list) !== JSON.stringify(list)) {
      s.consents = { list, asOf };
      await cx.safe.save();
    }
    return { consents: list, stale: false, asOf };
  } catch (error) {
    if (isVolensError(error) && error.code === "offline" && s.consents !== undefined) {
      return { consents: s.consents.list, stale: true, asOf: s.consents.asOf };
    }
    throw error;
  }
}
