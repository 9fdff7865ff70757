/** The page's side of the worker. Nothing of the cryptography is in the page's bundle; the worker starts at the first call. */
import type { VaultStatus, Volens, VolensEvent } from "../api/volens.ts";
import { makeSecret, openSecret } from "../keys/passkey.ts";
import { deviceStorage, noVault, type Storage, VAULT } from "../keys/storage.ts";
import type { Core } from "./core.ts";
import { fromWire, type Reply, type Request } from "./rpc.ts";
import { startWorker } from "./trusted.ts";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** connect makes a Volens whose every method is a call to a worker. After a lock the worker is thrown away, and its memory with it. */
export function connect(start: () => Worker, storage: Pick<Storage, "get">): Volens {
  const listeners = new Set<(event: VolensEvent) => void>();
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let next = 0;

  const end = (): void => {
    worker?.terminate();
    worker = undefined;
    waiting.forEach((w) => w.reject(fromWire({ code: "locked", detail: "the vault was locked" })));
    waiting.clear();
  };
  const received = (reply: Reply): void => {
    if ("event" in reply) {
      listeners.forEach((l) => l(reply.event));
      if (reply.event.type === "locked") {
        // Signing out at the gateway may still be under way; what was asked for gets its answer.
        setTimeout(() => waiting.size === 0 && end(), 2000);
      }
      return;
    }
    const w = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ("error" in reply) {
      w?.reject(fromWire(reply.error));
    } else {
      w?.resolve(reply.value);
    }
  };
  const call = (part: string, method: string, args: unknown[]): Promise<unknown> => {
    if (worker === undefined) {
      worker = start();
      worker.onmessage = (message: MessageEvent<Reply>) => received(message.data);
      worker.onerror = () => {
        waiting.forEach((w) => w.reject(fromWire({ code: "internal", detail: "the worker failed" })));
        waiting.clear();
      };
    }
    const id = next++;
    const request: Request = { id, path: [part, method], args };
    const target = worker;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      target.postMessage(request);
    });
  };
  const part = <K extends keyof Core>(name: K): Core[K] =>
    new Proxy({}, { get: (_, method: string) => (method === "then" ? undefined : (...args: unknown[]) => call(name, method, args)) }) as Core[K];

  const passkey = part("passkey");
  const vault: Volens["vault"] = Object.assign(Object.create(part("vault")) as Volens["vault"], {
    async status() {
      // Without a vault there is nothing to ask the worker: the first page does not wait for its code.
      return worker === undefined && (await storage.get(VAULT)) === undefined ? noVault : (call("vault", "status", []) as Promise<VaultStatus>);
    },
    async lock() {
      await call("vault", "lock", []);
      end();
    },
    async unlockWithPasskey() {
      const hint = await passkey.hint();
      await passkey.unlock(await openSecret(hint));
    },
    async addPasskey(password: string) {
      const made = await makeSecret();
      await passkey.add(password, made.id, made.salt, made.secret);
    },
  });
  return {
    vault, wallet: part("wallet"), helping: part("helping"), recovery: part("recovery"), papers: part("papers"), uses: part("uses"), organisation: part("organisation"),
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    follow: (handle) => call("", "follow", [handle]) as Promise<void>,
    build: () => call("", "build", []) as ReturnType<Volens["build"]>,
  };
}

/** volens is the app's one connection. */
export const volens: Volens = connect(startWorker, deviceStorage());
