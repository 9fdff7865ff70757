import { beforeEach, describe, expect, it, vi } from "vitest";

import type { Volens } from "../api/volens.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { addressOf, recover } from "../core/key.ts";
import { formatInvitation } from "../core/invitation.ts";
import { commitment, textHash } from "../core/message.ts";
import { vectors } from "../core/testdata.ts";
import { personalDigest } from "../core/typed.ts";
import type { Message } from "../core/types.ts";
import { memoryStorage } from "../keys/storage.ts";
import { createCore } from "./core.ts";

const PASSWORD = "correct horse battery";
const ORIGIN = "https://volens.example";
const HANDLE = "647c2a125958f7c4a0d5c4dcdf35ca8f";
const LOG_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

const story = vectors<{ good: { ledger: string; message: Message }[] }>("chaincode/consent/testdata/vectors.json").good;
const genesis = story[0]?.message as Message;
const ledger = story[0]?.ledger ?? "";
const members = story.map((v) => v.message).slice(1, 5);
const phrase = vectors<{ phrase: string }[]>("wallet/testdata/derivation.json")[0]?.phrase ?? "";

const invitation = formatInvitation({
  server: ORIGIN, handle: HANDLE, code: "AB12-CD34", seq: "1", prev: "a".repeat(64), ledger, genesis: commitment("Init", genesis.body), key: LOG_KEY, usesKey: LOG_KEY,
});

type Route = (body: unknown, headers: Headers) => unknown;

/** A gateway that answers what a test says; anything else is a network fault. */
function gateway(routes: Record<string, Route>): { fetch: typeof fetch; asked: { path: string; body: string; init: RequestInit }[] } {
  const asked: { path: string; body: string; init: RequestInit }[] = [];
  const answer = (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input as string);
    asked.push({ path: url.pathname, body: (init.body ?? "") as string, init });
    const route = routes[url.pathname];
    if (url.origin !== ORIGIN || route === undefined) {
      return Promise.reject(new TypeError("network"));
    }
    const out = route(init.body === undefined ? undefined : JSON.parse(init.body as string), new Headers(init.headers));
    return Promise.resolve(out instanceof Response ? out : Response.json(out));
  };
  return { fetch: answer, asked };
}

function problem(status: number, code: string): Response {
  return Response.json({ title: code, status, code }, { status });
}

const info = { id: ledger, name: "Test ledger", chainId: 130220932034163, genesis, position: 1, origin: "o", key: LOG_KEY, usesOrigin: "u", usesKey: LOG_KEY, custodian: "city-hospital" };
const challenge = {
  nonce: "0123456789abcdef", domain: "volens.example", uri: `${ORIGIN}/auth/sign-in`, chainId: 130220932034163, statement: "Sign in.",
  issuedAt: "2026-01-01T00:00:00Z", expiresAt: "2026-01-01T00:05:00Z",
};
const publicRoutes: Record<string, Route> = { "/v1/ledger": () => info, "/v1/members": () => ({ members: [], messages: [genesis, ...members] }) };

function core(routes: Record<string, Route> = {}, storage = memoryStorage()) {
  const g = gateway({ ...publicRoutes, ...routes });
  let n = 0;
  const random = (bytes: Uint8Array) => bytes.forEach((_, i) => (bytes[i] = (n = (n * 31 + 7 + i) % 251)));
  const c: Volens = createCore({ origin: ORIGIN, fetch: g.fetch, storage, now: () => 1_790_000_000_000, random, logN: 10 });
  return { c, storage, asked: g.asked };
}

const refused = (code: string) => expect.objectContaining({ name: "VolensError", code }) as Error;

describe("the vault", () => {
  it("is made, confirmed by a quiz, locked and opened again", async () => {
    const { c } = core();
    expect(await c.vault.status()).toMatchObject({ exists: false, unlocked: false });
    await expect(c.vault.create("short")).rejects.toThrow(refused("weak-password"));
    const { words } = await c.vault.create(PASSWORD);
    expect(words.length).toBe(24);
    expect(await c.vault.status()).toMatchObject({ exists: true, unlocked: true, phraseSeen: false, hasPhrase: true, kdf: "scrypt" });
    const asked = await c.vault.quiz();
    expect(new Set(asked).size).toBe(3);
    await expect(c.vault.confirm(asked.map((position) => ({ position, word: "zebra" })))).rejects.toThrow(refused("quiz"));
    await c.vault.confirm(asked.map((position) => ({ position, word: ` ${words[position - 1]?.toUpperCase() ?? ""}` })));
    await expect(c.vault.words()).rejects.toThrow(refused("phrase"));
    await c.vault.lock();
    await expect(c.wallet.subjects()).rejects.toThrow(refused("locked"));
    await expect(c.vault.unlock("another password")).rejects.toThrow(refused("password"));
    await c.vault.unlock(PASSWORD);
    expect(await c.wallet.subjects()).toEqual([]);
  });

  it("keeps nothing readable in storage, open or locked", async () => {
    const { c, storage } = core();
    const { words } = await c.vault.create(PASSWORD);
    await c.vault.importKey("11".repeat(32));
    for (const locked of [false, true]) {
      if (locked) {
        await c.vault.lock();
      }
      const dump = JSON.stringify(storage.dump());
      expect(dump).not.toContain(PASSWORD);
      expect(dump).not.toContain("11".repeat(8));
      expect(words.filter((w) => w.length > 4 && dump.includes(w))).toEqual([]);
      expect(dump).not.toContain("subjects");
    }
  });

  it("is refused once any character of it is changed", async () => {
    const { c, storage } = core();
    await c.vault.create(PASSWORD);
    const whole = await c.vault.backup();
    for (const part of ["content", "wrapped"]) {
      const file = JSON.parse(whole) as Record<string, { data: string }>;
      const box = file[part] ?? { data: "" };
      box.data = (box.data.startsWith("A") ? "B" : "A") + box.data.slice(1);
      const other = core({}, memoryStorage({ vault: JSON.stringify(file) })).c;
      await expect(other.vault.unlock(PASSWORD)).rejects.toThrow(/corrupt|password/);
    }
    const weak = whole.replace(/"logN":\d+/, '"logN":3');
    await expect(core({}, memoryStorage({ vault: weak })).c.vault.unlock(PASSWORD)).rejects.toThrow(refused("corrupt"));
    expect(storage.dump()["vault"]).toBe(whole);
  });

  it("changes its password, is restored from a backup, and destroyed", async () => {
    const { c } = core();
    await c.vault.import(phrase, PASSWORD);
    const address = await c.wallet.addressFor(HANDLE);
    await c.vault.changePassword(PASSWORD, "another password");
    const file = await c.vault.backup();
    await c.vault.lock();
    await c.vault.destroy();
    expect((await c.vault.status()).exists).toBe(false);
    await c.vault.restore(file, "another password");
    expect(await c.wallet.addressFor(HANDLE)).toBe(address);
  });

  it("does not undo what another window wrote", async () => {
    const one = core();
    await one.c.vault.create(PASSWORD);
    const two = core({}, one.storage);
    await two.c.vault.unlock(PASSWORD);
    await two.c.vault.setAutoLock(3);
    await expect(one.c.vault.setAutoLock(5)).rejects.toThrow(refused("storage"));
    expect((await one.c.vault.status()).unlocked).toBe(false);
  });

  it("locks by itself", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { c } = core();
      const told: string[] = [];
      c.listen((e) => told.push(e.type));
      const made = c.vault.create(PASSWORD);
      await vi.advanceTimersByTimeAsync(1000);
      await made;
      await vi.advanceTimersByTimeAsync(9 * 60_000);
      await c.vault.touch();
      await vi.advanceTimersByTimeAsync(9 * 60_000);
      expect((await c.vault.status()).unlocked).toBe(true);
      await vi.advanceTimersByTimeAsync(2 * 60_000);
      expect((await c.vault.status()).unlocked).toBe(false);
      expect(told).toEqual(["unlocked", "locked"]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("enrolment", () => {
  let key = "";
  beforeEach(async () => {
    const { c } = core();
    await c.vault.import(phrase, PASSWORD);
    key = await c.wallet.addressFor(HANDLE);
  });

  it("shows what is signed, and sends the claim that was shown", async () => {
    let claimed: Message | undefined;
    const { c } = core({ "/v1/claims": (body) => ((claimed = (body as { message: Message }).message), problem(409, "conflict")) });
    await c.vault.import(phrase, PASSWORD);
    const draft = await c.wallet.prepare({ kind: "claim", invitation });
    expect(draft).toMatchObject({ type: "SubjectClaim", handle: HANDLE, signer: key, ledger: { id: ledger } });
    expect(draft.fields.find((f) => f.path === "handle")?.value).toBe(HANDLE);
    expect(JSON.stringify(draft)).not.toContain("AB12");
    await expect(c.wallet.sign(draft.id)).rejects.toThrow(refused("conflict"));
    expect(recover(fromHex(draft.digest), claimed?.sigs[0] ?? "")).toBe(key);
    expect(await c.wallet.subjects()).toEqual([]); // refused for certain: the handle is not kept
    await expect(c.wallet.sign(draft.id)).rejects.toThrow(refused("draft"));
  });

  it("keeps the handle when the answer is lost", async () => {
    const { c } = core({ "/v1/claims": () => problem(503, "unknown") });
    await c.vault.import(phrase, PASSWORD);
    const draft = await c.wallet.prepare({ kind: "claim", invitation });
    await expect(c.wallet.sign(draft.id)).rejects.toThrow(refused("unknown"));
    expect((await c.wallet.subjects()).map((s) => s.handle)).toEqual([HANDLE]);
  });

  it.each([
    ["another ledger", { id: "1".repeat(64) }], ["another log key", { key: `${LOG_KEY}x` }], ["another key of the use log", { usesKey: "x" }],
    ["another genesis", { genesis: { ...genesis, body: { ...genesis.body, name: "Mallory's" } } }],
  ])("is refused by a gateway that shows %s", async (_, change) => {
    const { c } = core({ "/v1/ledger": () => ({ ...info, ...change }) });
    await c.vault.import(phrase, PASSWORD);
    await expect(c.wallet.prepare({ kind: "claim", invitation })).rejects.toThrow(refused("pinned"));
  });

  it("is refused with a receipt that proves nothing", async () => {
    const forged = { position: 1, commitment: "1".repeat(64), time: "0", leaf: btoa("leaf"), proof: [], checkpoint: btoa("note") };
    const { c } = core({ "/v1/claims": () => ({ receipt: forged }) });
    await c.vault.import(phrase, PASSWORD);
    const draft = await c.wallet.prepare({ kind: "claim", invitation });
    await expect(c.wallet.sign(draft.id)).rejects.toThrow(refused("receipt"));
  });

  it("takes no invitation for another gateway", async () => {
    const { c } = core();
    await c.vault.import(phrase, PASSWORD);
    const elsewhere = formatInvitation({ ...JSON.parse(atob(invitation.slice(8).replaceAll("-", "+").replaceAll("_", "/"))) as Parameters<typeof formatInvitation>[0], server: "https://evil.example" });
    expect(await c.wallet.readInvitation(elsewhere)).toMatchObject({ here: false, hasCode: true });
    await expect(c.wallet.prepare({ kind: "claim", invitation: elsewhere })).rejects.toThrow(refused("other-gateway"));
  });
});

describe("a patient's day", () => {
  const text = "Rosa's Institute asks to see your observations.";
  const consent = {
    kind: "research", categories: [], identifiers: [], recordedAt: "0", grantors: [], grantees: [], controllers: [], period: { start: "0", end: "0" },
    provisions: [{
      parent: "0", effect: "permit" as const, period: { start: "0", end: "0" }, recipients: [{ role: { system: "", code: "IRCP" }, reference: "Organization/rosa-institute" }], roles: [],
      actions: [], purposes: [], resourceTypes: [], codes: [], labels: [], dataPeriod: { start: "0", end: "0" }, data: [],
    }],
    policies: [], textHash: textHash(text), locale: "en", maxUses: "0", eraseBy: "0", accessMode: "" as const,
  };

  async function enrolled(routes: Record<string, Route>) {
    const signIns: { message: string; signature: string; handle?: string }[] = [];
    const made = core({
      "/v1/claims": () => problem(503, "unknown"),
      "/auth/challenge": () => challenge,
      "/auth/sign-in": (body) => (signIns.push(body as (typeof signIns)[0]), { roles: ["patient"], handle: HANDLE, accessToken: "token-1", expiresIn: 900 }),
      "/auth/logout": () => ({}),
      "/v1/me": () => ({ handle: HANDLE, seq: "4", prev: "b".repeat(64), delegations: [] }),
      ...routes,
    });
    await made.c.vault.import(phrase, PASSWORD);
    const draft = await made.c.wallet.prepare({ kind: "claim", invitation });
    await made.c.wallet.sign(draft.id).catch(() => undefined);
    return { ...made, signIns };
  }

  it("signs in with the handle's key and sends the token in no cookie", async () => {
    const { c, asked, signIns, storage } = await enrolled({});
    await Promise.all([c.wallet.me(HANDLE), c.wallet.me(HANDLE)]);
    expect(signIns.length).toBe(1);
    const signer = recover(personalDigest(signIns[0]?.message ?? ""), signIns[0]?.signature ?? "");
    expect(signer).toBe(await c.wallet.addressFor(HANDLE));
    const me = asked.find((a) => a.path === "/v1/me");
    expect(new Headers(me?.init.headers).get("Authorization")).toBe("Bearer token-1");
    expect(me?.init.credentials).toBe("omit");
    expect(me?.path).not.toContain(HANDLE);
    await c.vault.lock();
    expect(asked.at(-1)?.path).toBe("/auth/logout");
    expect(JSON.stringify(storage.dump())).not.toContain("token-1");
  });

  it("signs in again when the token has ended, once", async () => {
    let calls = 0;
    const { c, signIns } = await enrolled({ "/v1/me/requests": () => (++calls === 1 ? problem(401, "unauthenticated") : { requests: [] }) });
    expect(await c.wallet.requests(HANDLE)).toEqual([]);
    expect([calls, signIns.length]).toEqual([2, 2]);
  });

  it("gives what a request asks for only with the text that it names", async () => {
    const asked = { id: "c".repeat(64), member: "rosa-institute", time: "1", consent, text, answered: "0" };
    const { c } = await enrolled({ "/v1/me/requests": () => ({ requests: [asked, { ...asked, id: "d".repeat(64), text: "Something else." }] }) });
    const draft = await c.wallet.prepare({ kind: "grant", handle: HANDLE, consent, text, request: asked.id });
    expect(draft).toMatchObject({ type: "ConsentGrant", text, consent: { textHash: textHash(text), recordedAt: "1790000000000" } });
    expect(draft.fields.find((f) => f.path === "seq")?.value).toBe("5");
    expect(draft.fields.find((f) => f.key === "recipients")).toMatchObject({ value: "Organization/rosa-institute", warnings: [] });
    expect(draft.fields.find((f) => f.key === "recipients")?.name).toBeTruthy();
    expect(draft.fields.find((f) => f.key === "rule")?.warnings).toEqual(["anypurpose"]);
    await expect(c.wallet.prepare({ kind: "decline", handle: HANDLE, request: "d".repeat(64) })).rejects.toThrow(refused("text"));
    await expect(c.wallet.prepare({ kind: "decline", handle: HANDLE, request: "e".repeat(64) })).rejects.toThrow(refused("not-found"));
  });

  it("warns of a recipient that nobody vouches for, and refuses what no ledger takes", async () => {
    const { c } = await enrolled({});
    const root = consent.provisions[0];
    const to = (reference: string) => ({ ...consent, provisions: [{ ...root, recipients: [{ role: { system: "", code: "" }, reference }] }] }) as typeof consent;
    const draft = await c.wallet.prepare({ kind: "grant", handle: HANDLE, consent: to("Organization/сity-hospital"), text });
    expect(draft.fields.find((f) => f.key === "recipients")?.warnings).toEqual(["unknown", "letters"]);
    await expect(c.wallet.prepare({ kind: "grant", handle: HANDLE, consent: to("evil\u202e"), text })).rejects.toThrow(refused("draft"));
  });

  it("shows kept consents when there is no network", async () => {
    let up = true;
    const { c } = await enrolled({ "/v1/me/consents": () => (up ? { consents: [] } : (() => { throw new TypeError("network"); })()) });
    expect((await c.wallet.consents(HANDLE)).stale).toBe(false);
    up = false;
    expect((await c.wallet.consents(HANDLE)).stale).toBe(true);
    await expect(c.wallet.requests(HANDLE)).rejects.toThrow(refused("offline"));
  });

  it("gathers every page of audit events, from its own gateway only", async () => {
    const pages = [`${ORIGIN}/fhir/R4/AuditEvent?_after=1`, "https://evil.example/fhir/R4/AuditEvent?_after=2"];
    let n = 0;
    const { c, asked } = await enrolled({
      "/fhir/R4/AuditEvent": () => ({ entry: [{ resource: { id: String(n) }, search: { mode: "match" } }], link: [{ relation: "next", url: pages[n++] ?? "" }] }),
    });
    const bundle = JSON.parse(await c.uses.exportFhir(HANDLE)) as unknown;
    expect(bundle).toEqual({ resourceType: "Bundle", type: "collection", entry: [{ resource: { id: "0" } }, { resource: { id: "1" } }] });
    expect(asked.filter((a) => a.path === "/fhir/R4/AuditEvent").length).toBe(2);
  });

  it("never calls a use proved that is not", async () => {
    const v = vectors<{ second: { statement: { checkpoint: string } } }>("gateway/uses/testdata/vectors.json");
    const { c } = await enrolled({ "/v1/me/uses": () => ({ ...v.second.statement, since: "0", consistency: [] }) });
    const view = await c.uses.sync(HANDLE);
    expect(view.state).toBe("failed");
    expect(view.entries.every((e) => e.state === "failed")).toBe(true);
    expect((await c.uses.last(HANDLE))?.state).toBe("failed");
    expect(view.ledger).toBeUndefined();
  });

  it("tells a ledger that shows another history", async () => {
    const v = vectors<{ second: { statement: { checkpoint: string } } }>("gateway/uses/testdata/vectors.json");
    const answers: unknown[] = [problem(409, "conflict"), { checkpoint: "nonsense", consistency: null }];
    const { c } = await enrolled({ "/v1/me/uses": () => ({ ...v.second.statement, since: "0", consistency: [] }), "/v1/ledger/checkpoint": () => answers.shift() });
    expect((await c.uses.sync(HANDLE)).ledger).toMatchObject({ state: "failed", alarm: "rollback" });
    expect((await c.uses.sync(HANDLE)).ledger).toMatchObject({ state: "failed", alarm: "proof" });
  });
});

describe("an organisation's person", () => {
  it("signs in with her key, and roles come from the gateway's ledger", async () => {
    const signIns: { message: string; signature: string }[] = [];
    const { c } = core({
      "/auth/challenge": () => challenge,
      "/auth/sign-in": (body) => (signIns.push(body as (typeof signIns)[0]), { roles: ["researcher"], member: "rosa-institute", accessToken: "t", expiresIn: 900 }),
      "/v1/requests": (body) => body,
    });
    await expect(c.vault.importKey("nonsense", PASSWORD)).rejects.toThrow(refused("key"));
    const { address } = await c.vault.importKey(`${"22".repeat(32)}\n`, PASSWORD);
    expect(address).toBe(addressOf(fromHex("22".repeat(32))));
    await expect(c.organisation.access({} as never)).rejects.toThrow(refused("unauthenticated"));
    expect(await c.organisation.signIn(address)).toMatchObject({ member: "rosa-institute", roles: ["researcher"] });
    expect(signIns[0]).not.toHaveProperty("handle");
    const asked = (await c.organisation.ask({ subject: "p", text: "Please.", consent: { textHash: "" } as never })) as unknown as { consent: { textHash: string } };
    expect(asked.consent.textHash).toBe(textHash("Please."));
    expect(toHex(fromHex(asked.consent.textHash)).length).toBe(64);
  });
});
