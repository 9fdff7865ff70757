import { describe, expect, it } from "vitest";

import type { Volens } from "../api/volens.ts";
import { fromHex } from "../core/bytes.ts";
import { formatInvitation } from "../core/invitation.ts";
import { recover } from "../core/key.ts";
import { commitment, digest, guardianCommitment, verify } from "../core/message.ts";
import { formatRecovery, parseRecovery } from "../core/recovery.ts";
import { vectors } from "../core/testdata.ts";
import type { Guardians, Message } from "../core/types.ts";
import { memoryStorage } from "../keys/storage.ts";
import { createCore } from "./core.ts";

const PASSWORD = "correct horse battery";
const ORIGIN = "https://volens.example";
const HANDLE = "647c2a125958f7c4a0d5c4dcdf35ca8f";
const LOG_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

const story = vectors<{ good: { ledger: string; message: Message }[] }>("chaincode/consent/testdata/vectors.json").good;
const genesis = story[0]?.message as Message;
const ledger = story[0]?.ledger ?? "";
const members = story.map((v) => v.message).filter((m) => m.type.startsWith("Member"));
const place = { server: ORIGIN, handle: HANDLE, seq: "7", prev: "a".repeat(64), ledger, genesis: commitment("Init", genesis.body), key: LOG_KEY, usesKey: LOG_KEY };
const info = { id: ledger, name: "Test ledger", chainId: 1, genesis, position: 1, origin: "o", key: LOG_KEY, usesOrigin: "u", usesKey: LOG_KEY, custodian: "city-hospital" };
const refused = (code: string) => expect.objectContaining({ name: "VolensError", code }) as Error;

/** A wallet with a phrase of its own; what it claims is kept for the test. */
async function wallet(seed: number): Promise<{ c: Volens; claimed: Message[] }> {
  const claimed: Message[] = [];
  const answer = (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const { pathname } = new URL(input as string);
    if (pathname === "/v1/ledger") return Promise.resolve(Response.json(info));
    if (pathname === "/v1/members") return Promise.resolve(Response.json({ members: [], messages: [genesis, ...members] }));
    if (pathname !== "/v1/claims") return Promise.reject(new TypeError("network"));
    claimed.push((JSON.parse(init.body as string) as { message: Message }).message);
    return Promise.resolve(Response.json({ title: "no", status: 404, code: "not-found" }, { status: 404 }));
  };
  let n = seed;
  const random = (bytes: Uint8Array) => bytes.forEach((_, i) => (bytes[i] = n = (n * 31 + 7 + i) % 251));
  const c: Volens = createCore({ origin: ORIGIN, fetch: answer, storage: memoryStorage(), now: () => 1_790_000_000_000, random, logN: 10 });
  await c.vault.create(PASSWORD);
  return { c, claimed };
}

const guardiansOf = (addresses: string[], threshold: string): Guardians => ({ addresses, threshold, salt: "b".repeat(64) });

describe("a recovery", () => {
  it("goes round: the new wallet names its key, guardians sign, and enough of them begin it", async () => {
    const [anna, bea, cem, mallory] = await Promise.all([1, 2, 3, 4].map(wallet));
    if (anna === undefined || bea === undefined || cem === undefined || mallory === undefined) throw new Error("nobody is there");
    const helped = await Promise.all([bea, cem].map(({ c }) => c.helping.offer(HANDLE, "Anna")));
    const guardians = guardiansOf(helped.map((h) => h.address), "2");
    const kept = formatRecovery({ invitation: formatInvitation(place), guardians });
    expect(await bea.c.helping.read(kept)).toMatchObject({ name: "Anna", mine: true, begun: false, threshold: 2, guardians: 2, here: true });
    await expect(bea.c.wallet.prepare({ kind: "help", file: kept })).rejects.toThrow(refused("recovery"));

    const newer = formatInvitation({ ...place, seq: "12", prev: "c".repeat(64) });
    await expect(anna.c.recovery.start(kept, formatInvitation({ ...place, handle: "1".repeat(32) }))).rejects.toThrow(refused("invitation"));
    expect(await anna.c.recovery.start(kept, newer)).toMatchObject({ handle: HANDLE, threshold: 2, signed: [] });
    const asks = await anna.c.recovery.file(HANDLE);
    const begin = parseRecovery(asks).file.begin ?? {};
    expect(begin).toMatchObject({ handle: HANDLE, seq: "13", prev: "c".repeat(64) });

    await expect(mallory.c.wallet.prepare({ kind: "help", file: asks })).rejects.toThrow(refused("recovery"));
    for (const [i, { c }] of [bea, cem].entries()) {
      const draft = await c.wallet.prepare({ kind: "help", file: asks });
      expect(draft).toMatchObject({ type: "RecoveryBegin", signer: helped[i]?.address });
      const { file } = await c.wallet.sign(draft.id);
      const state = await anna.c.recovery.add(HANDLE, file ?? "");
      expect(state.signed).toEqual(helped.slice(0, i + 1).map((h) => h.address));
      await expect(c.wallet.sign(draft.id)).rejects.toThrow(refused("draft"));
    }
    await expect(anna.c.recovery.begin(HANDLE)).rejects.toThrow(refused("not-found"));
    const [sent] = anna.claimed;
    expect(sent?.openings.guardians).toEqual(guardians);
    expect(verify(ledger, sent as Message)).toEqual(helped.map((h) => h.address));
    expect(await anna.c.recovery.list()).toHaveLength(1); // what was gathered is not lost by a refusal
    await expect(anna.c.wallet.prepare({ kind: "recovered", handle: HANDLE })).rejects.toThrow(refused("recovery"));
    await anna.c.recovery.drop(HANDLE);
    expect(await anna.c.recovery.list()).toEqual([]);
  });

  it("takes no signature of a stranger, and none for another key", async () => {
    const anna = await wallet(5);
    const bea = await wallet(6);
    const { address } = await bea.c.helping.offer(HANDLE, "Anna");
    const kept = formatRecovery({ invitation: formatInvitation(place), guardians: guardiansOf([address], "1") });
    await anna.c.recovery.start(kept);
    const asks = await anna.c.recovery.file(HANDLE);
    const { file } = parseRecovery(asks);
    const stranger = vectors<{ good: { message: Message }[] }>("chaincode/consent/testdata/vectors.json").good[0]?.message.sigs ?? [];
    await expect(anna.c.recovery.add(HANDLE, formatRecovery({ ...file, signatures: stranger }))).rejects.toThrow(refused("recovery"));
    const other = formatRecovery({ ...file, begin: { ...file.begin, keyCommit: "e".repeat(64) } });
    const draft = await bea.c.wallet.prepare({ kind: "help", file: other });
    const signed = (await bea.c.wallet.sign(draft.id)).file ?? "";
    expect(recover(fromHex(draft.digest), parseRecovery(signed).file.signatures?.[0] ?? "")).toBe(address);
    await expect(anna.c.recovery.add(HANDLE, signed)).rejects.toThrow(refused("recovery"));
    expect(digest(ledger, "RecoveryBegin", file.begin ?? {})).not.toEqual(fromHex(draft.digest));
  });

  it("is read strictly", () => {
    const guardians = guardiansOf([`0x${"1".repeat(40)}`], "1");
    const good = formatRecovery({ invitation: formatInvitation(place), guardians });
    expect(guardianCommitment(parseRecovery(good).file.guardians)).toBe(guardianCommitment(guardians));
    const bad = [
      "", "{}", good.replace('"threshold": "1"', '"threshold": "2"'), good.replace('"threshold": "1"', '"threshold": "0"'), good.replace('"guardians"', '"guardian"'),
      formatRecovery({ invitation: formatInvitation({ ...place, code: "AB12-CD34" }), guardians }),
      formatRecovery({ invitation: formatInvitation(place), guardians: guardiansOf([], "1") }), `${good}x`.repeat(200),
    ];
    for (const text of bad) expect(() => parseRecovery(text), text.slice(0, 60)).toThrow();
  });
});
