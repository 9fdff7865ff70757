/**
 * The two scripts that the app starts by URL, and the one Trusted Types policy that lets it. The policy knows both URLs and
 * refuses every other, so nothing that reaches a script sink can be of anybody else's making.
 */
import workerUrl from "./main.ts?worker&url";

const SERVICE_WORKER = "/sw.js";

interface ScriptPolicy {
  createScriptURL(url: string): unknown;
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): ScriptPolicy;
}

function bundledOnly(url: string): string {
  if (url === workerUrl || url === SERVICE_WORKER) {
    return url;
  }
  throw new TypeError("only the app's own two scripts are started");
}

let policy: ScriptPolicy | undefined;

function trusted(url: string): string {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  policy ??= types ? types.createPolicy("volens", { createScriptURL: bundledOnly }) : { createScriptURL: bundledOnly };
  // A TrustedScriptURL where the browser has such; the DOM types know strings only.
  return policy.createScriptURL(url) as string;
}

/** startWorker starts the worker that holds the keys. */
export function startWorker(): Worker {
  return new Worker(trusted(workerUrl), { type: "module", name: "volens" });
}

/**
 * registerServiceWorker lets the app's static files be there without a network, once the first page is: on a slow way it would
 * fetch them all before. Where it cannot, the app works all the same.
 */
export function registerServiceWorker(): void {
  if (import.meta.env.PROD && "serviceWorker" in navigator) {
    afterLoad(() => {
      navigator.serviceWorker.register(trusted(SERVICE_WORKER)).catch(() => undefined);
    });
  }
}

function afterLoad(work: () => void): void {
  if (document.readyState === "complete") {
    window.setTimeout(work, 1000);
  } else {
    window.addEventListener("load", () => window.setTimeout(work, 1000), { once: true });
  }
}
