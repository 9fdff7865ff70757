/** Where the sealed vault lies: IndexedDB, one value. Nothing but sealed bytes and the way to begin is ever put there. */

import type { VaultStatus } from "../api/volens.ts";

/** Storage keeps texts by name. */
export interface Storage {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string): Promise<void>;
  remove(name: string): Promise<void>;
}

/** VAULT is the name of the sealed vault. */
export const VAULT = "vault";

/** noVault is the status of a device without one. */
export const noVault: VaultStatus = { exists: false, unlocked: false, phraseSeen: true, hasPhrase: false, kdf: "scrypt", passkey: false, autoLockMinutes: 10 };

const DATABASE = "volens";
const TABLE = "vault";

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's database failed"));
  });
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("the browser's database failed"));
  });
}

/** deviceStorage is the browser's. */
export function deviceStorage(): Storage {
  const open = async (): Promise<IDBDatabase> => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(TABLE);
    };
    return settled(request);
  };
  const write = async (change: (table: IDBObjectStore) => void): Promise<void> => {
    const database = await open();
    try {
      const transaction = database.transaction(TABLE, "readwrite", { durability: "strict" });
      change(transaction.objectStore(TABLE));
      await done(transaction);
    } finally {
      database.close();
    }
  };
  return {
    async get(name) {
      const database = await open();
      try {
        return (await settled(database.transaction(TABLE).objectStore(TABLE).get(name))) as string | undefined;
      } finally {
        database.close();
      }
    },
    set: (name, value) => write((table) => table.put(value, name)),
    remove: (name) => write((table) => table.delete(name)),
  };
}

/** memoryStorage is for tests. */
export function memoryStorage(initial: Record<string, string> = {}): Storage & { dump(): Record<string, string> } {
  const values = new Map(Object.entries(initial));
  return {
    get: (name) => Promise.resolve(values.get(name)),
    set: (name, value) => Promise.resolve(void values.set(name, value)),
    remove: (name) => Promise.resolve(void values.delete(name)),
    dump: () => Object.fromEntries(values),
  };
}
