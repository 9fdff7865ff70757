import { describe, expect, it } from "vitest";

import { isVolensError, VolensError } from "../api/error.ts";
import { Http } from "../api/http.ts";
import { memoryStorage, noVault } from "../keys/storage.ts";
import { Safe } from "../keys/vault.ts";
import { connect } from "./client.ts";
import { readEvents } from "./follow.ts";
import { dispatch, fromWire, type Request, toWire } from "./rpc.ts";

describe("calls between page and worker", () => {
  const target = { vault: { open: (n: number) => Promise.resolve(n + 1), refuse: () => Promise.reject(new VolensError("password", "no", 3)) }, follow: () => "ok" };
  const ask = (part: string, method: string, ...args: unknown[]) => dispatch(target, { id: 7, path: [part, method], args });

  it("reach the named parts' own methods and nothing else", async () => {
    expect(await ask("vault", "open", 1)).toEqual({ id: 7, value: 2 });
    expect(await ask("", "follow")).toEqual({ id: 7, value: "ok" });
    for (const [part, method] of [["vault", "toString"], ["vault", "constructor"], ["__proto__", "toString"], ["none", "open"], ["", "vault"]] as const) {
      expect(await ask(part, method)).toMatchObject({ error: { code: "internal" } });
    }
  });
  it("carry errors with their codes, and nothing of a fault's data", async () => {
    expect(await ask("vault", "refuse")).toEqual({ id: 7, error: { code: "password", detail: "no", retryAfter: 3 } });
    expect(toWire(new TypeError("secret abandon abandon"))).toEqual({ code: "internal", detail: "TypeError" });
    const back = fromWire({ code: "fork", detail: "x" });
    expect(isVolensError(back) && back.code === "fork").toBe(true);
  });
  it("throw the worker away after a lock, and start another", async () => {
    let started = 0;
    let ended = 0;
    const volens = connect(() => {
      started++;
      const worker = {
        onmessage: undefined as ((m: { data: unknown }) => void) | undefined,
        postMessage: (r: Request) => queueMicrotask(() => worker.onmessage?.({ data: { id: r.id, value: r.path.join(".") } })),
        terminate: () => ended++,
      };
      return worker as unknown as Worker;
    }, memoryStorage({ vault: "sealed" }));
    expect(await volens.wallet.subjects()).toBe("wallet.subjects");
    await volens.vault.lock();
    expect([started, ended]).toEqual([1, 1]);
    expect(await volens.vault.status()).toBe("vault.status");
    expect(started).toBe(2);
  });
  it("start no worker on a device without a vault", async () => {
    const volens = connect(() => {
      throw new Error("started");
    }, memoryStorage());
    expect(await volens.vault.status()).toEqual(noVault);
    const safe = new Safe({ storage: memoryStorage(), random: () => undefined, onLock: () => undefined, onUnlock: () => undefined });
    expect(await safe.status()).toEqual(noVault);
  });
});

describe("the way to the gateway", () => {
  const now = () => Promise.resolve();

  it("tries again what does no harm, and nothing else", async () => {
    let n = 0;
    const flaky = (() => (++n < 3 ? Promise.reject(new TypeError("network")) : Promise.resolve(Response.json({ ok: true })))) as typeof fetch;
    expect(await new Http("https://a.example", flaky, now).json("/x", { again: true })).toEqual({ ok: true });
    n = 0;
    await expect(new Http("https://a.example", flaky, now).json("/x")).rejects.toThrow(expect.objectContaining({ code: "offline" }) as Error);
    expect(n).toBe(1);
  });
  it("turns problems into errors with their code", async () => {
    const say = (r: Response) => new Http("https://a.example", (() => Promise.resolve(r)), now).json("/x");
    await expect(say(Response.json({ code: "rate-limited", title: "t", detail: "wait" }, { status: 429, headers: { "Retry-After": "7" } }))).rejects.toMatchObject({
      code: "rate-limited", detail: "wait", retryAfter: 7,
    });
    await expect(say(new Response("<html>", { status: 502 }))).rejects.toMatchObject({ code: "unavailable" });
    await expect(say(new Response("<html>", { status: 404 }))).rejects.toMatchObject({ code: "internal" });
  });
});

describe("notices", () => {
  it("come whole, however the bytes are cut", async () => {
    const text = ": volens\n\nevent: use\ndata: {\"kind\":\"use\",\"seq\":\"1\"}\n\n: alive\n\nevent: ledger\ndata: {\"kind\":\"ledger\",\"seq\":\"2\"}\n\n";
    for (const size of [1, 7, 1000]) {
      const bytes = new TextEncoder().encode(text);
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let i = 0; i < bytes.length; i += size) {
            controller.enqueue(bytes.slice(i, i + size));
          }
          controller.close();
        },
      });
      const told: string[] = [];
      await readEvents(stream, (data) => told.push(data));
      expect(told).toEqual(['{"kind":"use","seq":"1"}', '{"kind":"ledger","seq":"2"}']);
    }
  });
});
