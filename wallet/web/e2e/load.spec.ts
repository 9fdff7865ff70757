import { expect, test, type Browser, type CDPSession, type Request } from "@playwright/test";

import { world } from "./world.ts";

/** A slow phone: a CPU four times slower, and "slow 4G": 1.6 Mbit/s down, 750 kbit/s up, 150 ms there and back. */
const slow = { cpu: 4, down: 1_600_000 / 8, up: 750_000 / 8, rtt: 150 };
const limit = 250_000; // bytes of compressed JavaScript on the patient's start page
const runs = 5;

interface Load {
  /** When the page's heading is there and the main thread is idle again. */
  interactive: number;
  paint: number;
  scripts: number;
  all: number;
  files: string[];
}

async function throttle(cdp: CDPSession): Promise<void> {
  await cdp.send("Network.enable");
  await cdp.send("Network.emulateNetworkConditions", { offline: false, latency: slow.rtt, downloadThroughput: slow.down, uploadThroughput: slow.up });
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: slow.cpu });
}

async function sized(r: Request): Promise<{ url: string; type: string; bytes: number }> {
  const [answer, size] = [await r.response(), await r.sizes()];
  return { url: r.url(), type: answer?.headers()["content-type"] ?? "", bytes: size.responseBodySize };
}

/** Loads the start page with nothing in any cache. */
async function load(browser: Browser): Promise<Load> {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 } });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  const sizes: Promise<{ url: string; type: string; bytes: number }>[] = [];
  page.on("requestfinished", (r) => sizes.push(sized(r)));
  await throttle(cdp);
  await page.addInitScript(() => {
    const seen = new MutationObserver(() => {
      if (document.querySelector("h1") === null) return;
      seen.disconnect();
      requestIdleCallback(() => performance.mark("interactive"));
    });
    seen.observe(document, { childList: true, subtree: true });
  });
  await page.goto(`${world().server}/`, { waitUntil: "commit" });
  await page.waitForFunction(() => performance.getEntriesByName("interactive").length > 0);
  const times = await page.evaluate(() => ({
    interactive: performance.getEntriesByName("interactive")[0]?.startTime ?? NaN,
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
  }));
  await page.waitForLoadState("networkidle"); // what the page fetches next counts, too
  const got = await Promise.all(sizes);
  await context.close();
  const scripts = got.filter((f) => f.type.includes("javascript"));
  const sum = (list: typeof got) => list.reduce((n, f) => n + f.bytes, 0);
  return { ...times, scripts: sum(scripts), all: sum(got), files: got.map((f) => `${(f.bytes / 1000).toFixed(1).padStart(7)} kB  ${new URL(f.url).pathname}`) };
}

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? NaN;

/** The size is a promise; the time is printed, since it is also the machine's. */
test("the patient's start page is small enough for a slow phone", async ({ browser }) => {
  const loads: Load[] = [];
  for (let i = 0; i < runs; i++) loads.push(await load(browser));
  const [first] = loads;
  console.log(first?.files.join("\n"));
  console.log(
    `start page on a slow phone: interactive after ${(median(loads.map((l) => l.interactive)) / 1000).toFixed(2)} s, first paint after ` +
      `${(median(loads.map((l) => l.paint)) / 1000).toFixed(2)} s (medians of ${runs}); ${((first?.scripts ?? NaN) / 1000).toFixed(0)} kB of JavaScript, ${((first?.all ?? NaN) / 1000).toFixed(0)} kB in all`,
  );
  expect(first?.scripts).toBeGreaterThan(10_000); // something was counted
  expect(Math.max(...loads.map((l) => l.scripts))).toBeLessThanOrEqual(limit);
});
