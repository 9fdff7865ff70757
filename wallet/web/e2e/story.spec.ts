import { readFile } from "node:fs/promises";

import { expect, test } from "@playwright/test";

import { onboard, password, unlock } from "./patient.ts";
import { Person } from "./person.ts";
import { askData, signIn } from "./staff.ts";
import { world } from "./world.ts";

const record = "MRN-1002";

test.describe.configure({ mode: "serial" });

let patient: Person;
let words: string[] = [];
let knownToRosa = "";

test.beforeAll(async ({ browser }) => {
  patient = await Person.arrive(browser, "patient");
});


test("a patient makes a wallet and links her record", async () => {
  words = await onboard(patient, true);
  await patient.press("Continue");
  await patient.heading(/Home/);
  await expect(patient.page.getByText("You share nothing now.")).toBeVisible();
  await patient.look("10-home-empty");
});

test("she shares with her care team in three steps, and sees what it lets through", async () => {
  const { page } = patient;
  await page.getByRole("link", { name: "Share data" }).click();
  await patient.heading(/Step 1 of 3/);
  await page.getByLabel("My care team").check();
  await patient.look("11-give-1");
  await patient.press("Continue");
  await patient.heading(/Step 2 of 3/);
  await patient.look("12-give-2");
  await patient.press("Continue");
  await patient.heading(/Step 3 of 3/);
  await expect(page.locator(".v-quote")).toContainText("I allow");
  await patient.press("Check now");
  await expect(page.getByText(/Today they would get/)).toBeVisible();
  await patient.look("13-give-3");
  await patient.press("Sign and save");
  await patient.heading(/You now share data with/);
  await patient.look("14-given");
});

test("the hospital finds her record and tells Rosa's institute a pseudonym", async ({ browser }) => {
  const city = await Person.arrive(browser, "city");
  const { page } = city;
  await city.open("/custodian");
  await city.look("20-desk");
  await signIn(city, "/custodian", "city", "Custodian");
  await page.getByLabel("Record number").fill(record);
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await expect(page.getByText("in use")).toBeVisible();
  await page.locator("#member").selectOption({ label: "Rosa's Institute" });
  await city.press("Show the pseudonym");
  const name = page.getByRole("region", { name: "Links" }).locator("p code");
  await expect(name).toBeVisible();
  knownToRosa = (await name.textContent()) ?? "";
  await page.getByLabel("Record number").fill("MRN-E2E");
  await city.press("Open and make a code");
  await expect(page.getByRole("img", { name: "QR code with the invitation" })).toBeVisible();
  await city.look("21-custodian");
  await city.leave();
});

test("Rosa is refused, asks for a consent, and the patient says yes to less", async ({ browser }) => {
  const rosa = await Person.arrive(browser, "rosa");
  await signIn(rosa, "/requests", "rosa", "Ask for data");
  await askData(rosa, knownToRosa, "HRESCH", "Refused");
  await rosa.look("22-requests-refused");
  await rosa.page.getByLabel("Your question to the patient").fill("May we use your record for our study of blood pressure?");
  await rosa.press("Send the question");
  await expect(rosa.page.getByText("The patient was asked")).toBeVisible();

  const { page } = patient;
  await patient.go("Requests");
  await page.reload();
  await unlock(patient);
  await patient.look("30-asked");
  await page.getByRole("link", { name: /Read and answer/ }).click();
  await expect(page.locator(".v-quote")).toContainText("blood pressure");
  await patient.look("31-request");
  await patient.press("Say yes to less");
  await page.getByLabel("Only some kinds").check();
  await page.getByLabel("test results and measurements").check();
  await patient.look("32-narrow");
  await patient.press("Continue");
  await patient.look("33-narrow-sign");
  await patient.press("Sign and save");
  await patient.heading(/You said yes to Rosa's Institute/);

  await askData(rosa, knownToRosa, "HRESCH", "Allowed");
  await rosa.look("23-requests-allowed");
  await rosa.leave();
});

test("she sees each use, proved in her browser", async () => {
  const { page } = patient;
  await patient.go("Who used my data");
  await expect(page.getByRole("heading", { name: /This list is complete and true/ })).toBeVisible();
  await expect(page.locator(".v-use--permit")).not.toHaveCount(0);
  await expect(page.locator(".v-use--deny")).not.toHaveCount(0);
  await patient.look("40-uses");
  await page.getByText("Show as a table").click();
  await expect(page.getByRole("table")).toBeVisible();
  await page.locator("summary", { hasText: "Filter" }).click();
  await page.getByLabel("Result", { exact: true }).selectOption("permit");
  await expect(page.locator(".v-use--deny")).toHaveCount(0);
  await patient.look("41-uses-filter");
  const download = page.waitForEvent("download");
  await patient.press("Table (CSV)");
  const csv = await readFile(await (await download).path(), "utf8");
  expect(csv).toContain("rosa-institute");
  await page.locator(".v-use--permit a").first().click();
  await expect(page.getByText("Your device checked that this use")).toBeVisible();
  await patient.look("42-use");
  await page.getByRole("link", { name: /Stop sharing with/ }).click();
  await patient.heading(/Stop sharing with/);
  await expect(page.getByRole("button", { name: "Stop sharing" })).toBeVisible();
  await patient.look("43-revoke");
  await patient.press("Stop sharing");
  await patient.heading(/^Stopped/);
});

test("after that Rosa is refused", async ({ browser }) => {
  const rosa = await Person.arrive(browser, "rosa");
  await signIn(rosa, "/requests", "rosa", "Ask for data");
  await askData(rosa, knownToRosa, "HRESCH", "Refused");
  await rosa.leave();
});

test("the auditor checks signed states, reads uses and decides one again", async ({ browser }) => {
  const aurel = await Person.arrive(browser, "aurel");
  const { page } = aurel;
  await signIn(aurel, "/audit", "aurel", "Audit");
  for (const log of ["Log of uses", "Ledger"]) {
    await page.getByRole("button", { name: new RegExp(`^Check now.*${log}`) }).click();
    await expect(page.getByRole("region", { name: log }).getByText("Signed, and it holds")).toBeVisible();
  }
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page.locator(".v-use")).not.toHaveCount(0);
  await page.getByRole("button", { name: /^Decide again/ }).first().click();
  await expect(page.getByText("The same answer as on record.")).toBeVisible();
  await aurel.look("50-audit");
  await aurel.leave();
});

test("a use that somebody altered on the way is shown as failed", async () => {
  const { page } = patient;
  await page.route("**/v1/me/uses", async (route) => {
    const answer = await route.fetch();
    const text = (await answer.text()).replaceAll("rosa-institute", "roma-institute");
    await route.fulfill({ response: answer, body: text });
  });
  await patient.open("/uses");
  await unlock(patient);
  await expect(page.getByRole("alert").getByText("This list cannot be trusted")).toBeVisible();
  await expect(page.locator(".v-use--failed")).not.toHaveCount(0);
  await patient.look("44-uses-failed");
  await page.unroute("**/v1/me/uses");
});

test("every page of hers is clean", async () => {
  const { page } = patient;
  await patient.open("/");
  await unlock(patient);
  const pages = [
    ["Home", /Home/, "60-home"],
    ["My consents", "My consents", "61-consents"],
    ["People who act for me", "People who act for me", "62-people"],
    ["Documents", "Documents", "63-documents"],
    ["Settings", "Settings", "64-settings"],
  ] as const;
  for (const [link, heading, shot] of pages) {
    await page.getByRole("navigation").getByRole("link", { name: link, exact: true }).click();
    await patient.heading(heading);
    await patient.look(shot);
  }
  await expect(page.locator("code").last()).toHaveText(/^[0-9a-f]{64}$/);
});

test("she gives and ends a consent by keyboard alone", async () => {
  const keys = patient.page.keyboard;
  await patient.open("/consents");
  await patient.heading("Open your wallet");
  await patient.reach("Password");
  await keys.type(password);
  await keys.press("Enter");
  await patient.heading("My consents");
  await patient.reach("Share data");
  await keys.press("Enter");
  await patient.heading(/Step 1/);
  await patient.reach("My care team");
  await keys.press("ArrowDown"); // research
  await patient.reach("Continue");
  await keys.press("Enter");
  await patient.heading(/Step 2/);
  await patient.reach("Continue");
  await keys.press("Enter");
  await patient.heading(/Step 3/);
  await expect(patient.page.getByRole("button", { name: "Sign and save" })).toBeVisible();
  await patient.reach("Sign and save");
  await keys.press("Enter");
  await patient.heading(/You now share data/);
  await patient.reach("My consents");
  await keys.press("Enter");
  await patient.heading("My consents");
  await patient.reach("Stop sharing");
  await keys.press("Enter");
  await patient.heading(/Stop sharing with/);
  await expect(patient.page.locator("main").getByRole("button", { name: "Stop sharing" })).toBeVisible();
  await patient.reach(/^Stop sharing$/);
  await keys.press("Enter");
  await patient.heading(/^Stopped/);
});

const everyPage = ["/", "/asked", "/consents", "/consents/new", "/uses", "/people", "/documents", "/settings"];

test("it works at 320 pixels", async () => {
  const { page } = patient;
  await page.setViewportSize({ width: 320, height: 640 });
  await patient.open("/");
  await unlock(patient);
  for (const path of everyPage) {
    await page.evaluate((to) => {
      history.pushState(null, "", to);
    }, path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.locator(".v-wait")).toHaveCount(0);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width, path).toBeLessThanOrEqual(320);
    await page.screenshot({ path: `${import.meta.dirname}/artefacts/70-narrow${path.replaceAll("/", "-")}.png`, fullPage: true });
  }
  await page.setViewportSize({ width: 1000, height: 800 });
});

test("it works in Arabic, from right to left, and in Hindi and Spanish", async () => {
  const { page } = patient;
  const language = page.locator("#language");
  await language.selectOption("ar");
  await expect(page.locator("html")).toHaveAttribute("dir", "rtl");
  for (const path of ["/", "/consents", "/uses", "/consents/new"]) {
    await page.evaluate((to) => {
      history.pushState(null, "", to);
    }, path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await patient.look(`80-arabic${path.replaceAll("/", "-")}`);
  }
  await language.selectOption("hi");
  await expect(page.locator("html")).toHaveAttribute("lang", "hi");
  await patient.look("81-hindi");
  await language.selectOption("es");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Paso 1 de 3");
  await language.selectOption("en");
});

test("offline she sees what the device kept, and can change nothing", async () => {
  const { page, context } = patient;
  await patient.open("/");
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await unlock(patient);
  await patient.go("My consents");
  await context.setOffline(true);
  await page.route(/\/(v1|auth)\//, (r) => r.abort("internetdisconnected"));
  await page.reload();
  await unlock(patient);
  await expect(page.getByText("You are offline.")).toBeVisible();
  await expect(page.getByRole("link", { name: "Share data" })).toHaveCount(0);
  await patient.look("90-offline");
  await context.setOffline(false);
  await page.unroute(/\/(v1|auth)\//);
});

test("after the lock nothing readable is left on the device", async () => {
  const { page } = patient;
  await patient.open("/");
  await unlock(patient);
  await page.getByRole("button", { name: "Lock" }).click();
  await patient.heading("Open your wallet");
  await patient.look("91-locked");
  const dump = await page.evaluate(async () => {
    const read = (v: unknown): string => {
      if (v instanceof ArrayBuffer) return new TextDecoder("latin1").decode(v);
      if (ArrayBuffer.isView(v)) return new TextDecoder("latin1").decode(v);
      if (typeof v === "object" && v !== null) return Object.values(v).map(read).join("\n");
      return String(v);
    };
    const done = <T>(r: IDBRequest<T>) => new Promise<T>((ok, bad) => ((r.onsuccess = () => ok(r.result)), (r.onerror = () => bad(r.error ?? new Error("storage")))));
    // eslint-disable-next-line no-restricted-globals -- to see what is in them
    let text = JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + document.cookie;
    for (const { name } of await indexedDB.databases()) {
      const db = await done(indexedDB.open(name ?? ""));
      for (const store of db.objectStoreNames) text += (await done(db.transaction(store).objectStore(store).getAll() as IDBRequest<unknown[]>)).map(read).join("\n");
      db.close();
    }
    for (const name of await caches.keys()) for (const r of await (await caches.open(name)).keys()) text += r.url;
    return text;
  });
  expect(dump.length).toBeGreaterThan(200);
  const secrets = [words.join(" "), password, "accessToken", "Bearer", "rosa-institute", "Rosa's Institute", "blood pressure", world().visitor, record];
  for (const secret of secrets) expect(dump.includes(secret), `the device keeps ${secret.slice(0, 12)}`).toBe(false);
  for (let i = 0; i + 3 < words.length; i += 4) expect(dump.includes(words.slice(i, i + 3).join(" "))).toBe(false);
});

test("nothing forbidden has happened in her browser", async () => {
  await patient.leave();
});
