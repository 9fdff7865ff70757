/**
 * The service worker: it keeps the app's own static files, of this version, and nothing else. Data is never cached; what it
 * does not know goes to the network untouched.
 */
const worker = self as unknown as ServiceWorkerGlobalScope;

// The build puts the version's hash and files here.
declare const __VERSION__: string;
declare const __FILES__: readonly string[];

// What the gateway answers itself.
const DATA = /^\/(v1|auth|oauth2|access|tlog|healthz|readyz|\.well-known)(\/|$)|\.[a-z]+$/;

const CACHE = `volens-${__VERSION__}`;

// A new version waits until the last window of the old one is closed: a page never meets files of another version.
async function keep(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(__FILES__.map((path) => new Request(path, { cache: "reload", credentials: "omit" })));
}

async function takeOver(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name !== CACHE) {
      await caches.delete(name);
    }
  }
  await worker.clients.claim();
}

async function answer(request: Request, path: string): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

worker.addEventListener("install", (event) => {
  event.waitUntil(keep());
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(takeOver());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== worker.location.origin) {
    return;
  }
  if (__FILES__.includes(url.pathname)) {
    event.respondWith(answer(request, url.pathname));
  } else if (request.mode === "navigate" && !DATA.test(url.pathname)) {
    event.respondWith(answer(request, "/"));
  }
});
