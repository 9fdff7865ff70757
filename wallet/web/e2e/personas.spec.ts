import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test, type Page } from "@playwright/test";

import { folder, invite, pseudonym, volens } from "./desk.ts";
import { fits, isConsole, routes, visit } from "./every.ts";
import { onboard, password, unlock } from "./patient.ts";
import { Person } from "./person.ts";
import { ask, askData, signIn } from "./staff.ts";

const record = "MRN-DORA"; // there is nothing in it that could be fetched
const only = "Only ask for the answer";

test.describe.configure({ mode: "serial" });

let dora: Person;
let city: Person;
let bob: Person;
let rosa: Person;
let words: string[] = [];
const known: Record<string, string> = {};

test.beforeAll(async ({ browser }) => {
  dora = await Person.arrive(browser, "dora");
  city = await Person.arrive(browser, "city");
  bob = await Person.arrive(browser, "bob");
  rosa = await Person.arrive(browser, "rosa");
});

/** Presses a button that saves a file and reads it. */
async function saved(page: Page, button: string | RegExp): Promise<{ text: string; path: string }> {
  const coming = page.waitForEvent("download");
  await page.getByRole("button", { name: button }).first().click();
  const download = await coming;
  const path = join(folder, download.suggestedFilename());
  await download.saveAs(path);
  return { text: readFileSync(path, "utf8"), path };
}

/** Opens a patient's page by the menu, and reads everything anew. */
async function again(p: Person, link: string, heading: string | RegExp = link): Promise<void> {
  await p.page.reload();
  await unlock(p);
  await p.go(link, heading);
}

test("Dora links a record that the hospital opened", async () => {
  words = await onboard(dora, false, invite(record));
  await dora.press("Continue");
  await dora.heading(/Home/);
  for (const member of ["rosa-institute", "bob-practice"]) known[member] = pseudonym(record, member);
});

test("the hospital enters her consent from paper, and those that it has as FHIR", async () => {
  const { page } = city;
  await signIn(city, "/custodian", "city", "Custodian");
  await page.getByLabel("Record number").fill(record);
  const paper = page.getByRole("region", { name: "Enter a consent from paper" });
  await paper.getByLabel("Who", { exact: true }).selectOption({ label: "Bob's Practice" });
  await paper.getByLabel("What for").selectOption("TREAT");
  await paper.getByLabel("Scan of the paper").setInputFiles({ name: "scan.png", mimeType: "image/png", buffer: Buffer.from("a scan") });
  await expect(paper.locator("code")).toHaveText(/^[0-9a-f]{64}$/);
  await paper.getByRole("button", { name: "Enter it" }).click();
  await expect(page.getByRole("heading", { name: "Entered on the ledger" })).toBeVisible();

  const consent = (patient: string) => ({
    resourceType: "Consent", status: "active", dateTime: "2026-01-02", patient: { reference: `Patient/${patient}` },
    scope: { coding: [{ system: "http://terminology.hl7.org/CodeSystem/consentscope", code: "research" }] },
    category: [{ coding: [{ system: "http://loinc.org", code: "59284-0" }] }],
    policy: [{ uri: "https://example.org/policy" }],
    provision: {
      type: "permit", purpose: [{ system: "http://terminology.hl7.org/CodeSystem/v3-ActReason", code: "HRESCH" }],
      actor: [{ role: { coding: [{ system: "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", code: "IRCP" }] }, reference: { reference: "Organization/rosa-institute" } }],
    },
  });
  const file = page.getByRole("region", { name: "Enter consents from a FHIR file" });
  await file.getByLabel("FHIR file").setInputFiles({ name: "c.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify([consent(record), consent("nobody")])) });
  for (const [entered, there] of [["1", "0"], ["0", "1"]]) {
    await file.getByRole("button", { name: "Enter them" }).click();
    const rows = file.locator(".nhsuk-summary-list__value");
    await expect(rows).toHaveText([entered ?? "", there ?? "", "1"]);
  }
  await city.look("24-custodian-imported");
});

test("Dora makes the consent from paper her own", async () => {
  const { page } = dora;
  await again(dora, "My consents");
  await expect(page.getByText("Written down by your hospital for you")).toHaveCount(2);
  await dora.look("45-attested");
  await page.locator(".v-box", { hasText: "Bob's Practice" }).getByRole("link", { name: /^Details/ }).click();
  await dora.heading(/Bob's Practice/);
  await expect(page.getByText("You did not sign it here.")).toBeVisible();
  await dora.press("Make it my own");
  await dora.look("46-adopt");
  await dora.press("Sign and save");
  await dora.heading(/now your own/);
  await again(dora, "My consents");
  await expect(page.getByText("Written down by your hospital for you")).toHaveCount(1);
});

test("Bob asks for her data, and in an emergency not without her word", async () => {
  const { page } = bob;
  await signIn(bob, "/requests", "bob", "Ask for data");
  await askData(bob, known["bob-practice"] ?? "", "TREAT", "Allowed", only);
  await page.getByLabel("Person who asks").fill("Practitioner/bob");
  await page.getByLabel("What for").first().selectOption("BTG");
  await bob.press(only);
  await expect(page.getByRole("alert")).toBeVisible(); // a reason is needed
  await page.getByLabel("Why you need it").fill("Found unconscious after a fall");
  await ask(bob, "Refused", only);
  await bob.look("25-bob-refused");
});

/** How many clicks there have been in the page since the last call. */
const clicks = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const w = window as { clicks?: number };
    if (w.clicks === undefined) document.addEventListener("click", (e) => e.isTrusted && (w.clicks = (w.clicks ?? 0) + 1), true);
    const n = w.clicks ?? 0;
    w.clicks = 0;
    return n;
  });

test("giving takes some steps, and stopping no more of them", async () => {
  const { page } = dora;
  await again(dora, "My consents");
  await clicks(page);
  await page.getByRole("link", { name: "Share data" }).click();
  await dora.heading(/Step 1/);
  await page.getByLabel("My care team").check();
  await dora.press("Continue");
  await dora.heading(/Step 2/);
  await page.getByLabel("Also in an emergency").check();
  await dora.press("Continue");
  await dora.heading(/Step 3/);
  await expect(page.locator(".v-quote")).toContainText("your care and an emergency");
  await dora.press("Check now");
  await expect(page.getByText(/Today they would get/)).toBeVisible();
  await dora.press("Sign and save");
  await dora.heading(/You now share data/);
  const give = (await clicks(page)) - 2; // without the wish for emergencies and the look at what it lets through
  await dora.go("My consents");
  await clicks(page);
  await page.locator(".v-box", { hasText: "Rosa's Institute" }).getByRole("link", { name: /^Stop sharing/ }).click();
  await page.locator("main").getByRole("button", { name: "Stop sharing" }).click();
  await dora.heading(/^Stopped/);
  const stop = await clicks(page);
  console.log(`giving took ${give} clicks, stopping ${stop}`);
  expect(stop).toBeLessThanOrEqual(give);
  expect(stop).toBeGreaterThan(0);
});

test("an emergency access stands first on her start page", async () => {
  await ask(bob, "Allowed", only);
  await bob.look("26-bob-emergency");
  const { page } = dora;
  await again(dora, "Home", /Home/);
  const notice = page.locator(".v-box", { has: page.getByRole("heading", { name: "Emergency access" }) });
  await expect(notice).toContainText("Bob's Practice opened your data in an emergency");
  await expect(page.locator(".v-box").first()).toContainText("Emergency access");
  const box = await notice.boundingBox();
  expect((box?.y ?? 1e9) + (box?.height ?? 0)).toBeLessThan(page.viewportSize()?.height ?? 0);
  await dora.look("47-emergency");
  await notice.getByRole("link", { name: "See this use" }).click();
  await expect(page.getByText("Found unconscious after a fall")).toBeVisible();
  await expect(page.getByText("Practitioner/bob")).toBeVisible();
  await dora.look("48-emergency-use");
});

test("Rosa sees what came of each of her questions", async () => {
  await signIn(rosa, "/requests", "rosa", "Ask for data");
  await rosa.page.getByLabel("Patient’s pseudonym").fill(known["rosa-institute"] ?? "");
  for (const text of ["May we read your blood pressure?", "May we read all of it?"]) {
    await rosa.page.getByLabel("Your question to the patient").fill(text);
    await rosa.press("Send the question");
    await expect(rosa.page.locator(".v-use", { hasText: text })).toContainText("Waits for an answer");
  }
  const { page } = dora;
  await again(dora, "Requests");
  await page.getByRole("link", { name: /Read and answer/ }).first().click();
  await expect(page.locator(".v-quote")).toContainText("all of it");
  await dora.press("Say no");
  await dora.look("49-say-no");
  await page.locator("main").getByRole("button", { name: "Say no" }).last().click();
  await dora.heading(/You said no to Rosa's Institute/);
  await dora.go("Requests");
  await page.locator(".v-box", { hasText: "Waits for you" }).getByRole("link").first().click();
  await page.getByRole("button", { name: "Say yes", exact: true }).click();
  await dora.press("Sign and save");
  await dora.heading(/You said yes/);
  await rosa.press("Read again");
  const one = (text: string) => rosa.page.locator(".v-use", { hasText: text });
  await expect(one("May we read all of it?").locator(".nhsuk-tag")).toHaveText("No");
  await expect(one("May we read your blood pressure?").locator(".nhsuk-tag")).toHaveText("Yes");
  await rosa.look("27-asked");
  await dora.go("My consents");
  await page.locator(".v-box--good", { hasText: "Rosa's Institute" }).getByRole("link", { name: /^Stop sharing/ }).click();
  await page.locator("main").getByRole("button", { name: "Stop sharing" }).click();
  await dora.heading(/^Stopped/);
  await rosa.press("Read again");
  await expect(one("May we read your blood pressure?").locator(".nhsuk-tag")).toHaveText("Yes, but ended since");
});

test("she takes her list away as a table, as data, for health apps and on paper", async () => {
  const { page } = dora;
  await again(dora, "Who used my data");
  await expect(page.getByRole("heading", { name: /complete and true/ })).toBeVisible();
  await page.getByText("How we know").click();
  await expect(page.getByText(/The ledger with your consents has/)).toBeVisible();
  const csv = (await saved(page, "Table (CSV)")).text;
  expect(csv.split("\r\n")[0]).toMatch(/^use,time,kind,requester/);
  expect(csv).toMatch(/bob-practice.*BTG.*Found unconscious after a fall,permit/);
  const json = JSON.parse((await saved(page, "With all proofs (JSON)")).text) as { entries: { use: { emergency?: string } }[]; slotProof: unknown[] };
  expect(json.entries.filter((e) => e.use.emergency !== undefined && e.use.emergency !== "")).toHaveLength(2);
  expect(json.slotProof.length).toBeGreaterThan(0);
  const fhir = JSON.parse((await saved(page, "For health apps (FHIR)")).text) as { resourceType: string; entry: { resource: { resourceType: string } }[] };
  expect(fhir.resourceType).toBe("Bundle");
  expect(fhir.entry.length).toBeGreaterThanOrEqual(json.entries.length);
  expect(new Set(fhir.entry.map((e) => e.resource.resourceType))).toEqual(new Set(["AuditEvent"]));
  await page.emulateMedia({ media: "print" });
  await expect(page.getByText(/^Printed on .* City Hospital/)).toBeVisible();
  await expect(page.getByRole("navigation")).toBeHidden();
  await expect(page.getByRole("button", { name: "Table (CSV)" })).toBeHidden();
  await page.screenshot({ path: `${import.meta.dirname}/artefacts/50-print.png`, fullPage: true });
  const pdf = await page.pdf();
  expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
  expect(pdf.length).toBeGreaterThan(20_000);
  await page.emulateMedia({ media: null });
});

test("Aurel finds the emergency and the refusals, and takes away evidence that holds without a network", async ({ browser }) => {
  const aurel = await Person.arrive(browser, "aurel");
  const { page } = aurel;
  await signIn(aurel, "/audit", "aurel", "Audit");
  const show = page.getByRole("button", { name: "Show", exact: true });
  await page.getByLabel("Only emergencies").check();
  await page.getByLabel("Result").selectOption("permit");
  await show.click();
  await expect(page.locator(".v-use")).toHaveCount(1);
  await expect(page.locator(".v-use--emergency")).toHaveCount(1);
  await expect(page.getByRole("heading", { name: "1 use" })).toBeVisible();
  await page.getByLabel("Only emergencies").uncheck();
  await page.getByLabel("Result").selectOption("deny");
  await show.click();
  await expect(page.locator(".v-use--deny, .v-use--emergency")).not.toHaveCount(0);
  await expect(page.locator(".v-use--permit")).toHaveCount(0);
  await page.getByRole("button", { name: /^Decide again/ }).first().click();
  await expect(page.getByText("The same answer as on record.")).toBeVisible();
  await aurel.look("51-audit-refusals");
  const { path, text } = await saved(page, /^Download the evidence\s*:/);
  await expect(page.getByText("Checked and saved.")).toBeVisible();
  expect(volens("verify", path)).toMatch(/^the evidence holds[^]*1 uses listed, each at its place in the log; 1 decisions made again/);
  writeFileSync(path, text.replace(/"useSeq": "\d+"/, '"useSeq": "99"'));
  expect(() => volens("verify", path)).toThrow(/another use there/);
  await aurel.leave();
});

test("on another device her words and the hospital's reminder bring all of it back", async ({ browser }) => {
  const { page } = dora;
  await dora.go("Settings");
  await dora.press(/^Show the text that brings this record back/);
  const reminder = (await page.locator("code", { hasText: "volens1:" }).first().textContent()) ?? "";
  expect(reminder).toMatch(/^volens1:/);
  const other = await Person.arrive(browser, "dora's tablet");
  await other.open("/");
  await other.page.getByRole("link", { name: "I have 24 words already" }).click();
  await other.heading("Type your 24 words");
  await other.page.getByLabel("Your words").fill([...words.slice(0, 23), "zebra"].join(" "));
  await other.page.getByLabel("Password", { exact: true }).fill(password);
  await other.page.getByLabel("Type it again").fill(password);
  await other.press("Make my wallet");
  await expect(other.page.getByRole("alert")).toContainText("not 24 right words");
  await other.look("08-words-wrong");
  await other.page.getByLabel("Your words").fill(` ${words.join("  ").toUpperCase()} `);
  await other.press("Make my wallet");
  await other.heading("Link your hospital");
  await other.page.getByLabel("Invitation").fill(reminder);
  await other.press("Read the invitation");
  await other.heading("You are linked with City Hospital");
  await other.press("Continue");
  await other.heading(/Home/);
  await other.go("My consents");
  await expect(other.page.locator(".v-box", { hasText: "Bob's Practice" })).not.toHaveCount(0);
  await other.go("Who used my data");
  await expect(other.page.getByRole("heading", { name: /complete and true/ })).toBeVisible();
  await other.leave();
});

test("the consoles work by keyboard alone", async ({ browser }) => {
  const keys = { city: city.page.keyboard, bob: bob.page.keyboard };
  await city.page.locator("h1").focus();
  await city.reach("Record number");
  await keys.city.press("Control+A");
  await keys.city.type("MRN-KEYS");
  await city.reach("Open and make a code");
  await keys.city.press("Enter");
  await expect(city.page.getByRole("img", { name: "QR code with the invitation" })).toBeVisible();
  await bob.page.locator("h1").focus();
  await bob.reach("Patient’s pseudonym");
  await keys.bob.press("Control+A");
  await keys.bob.type(known["bob-practice"] ?? "");
  await bob.reach("What for");
  await keys.bob.type("your care");
  await bob.reach("Only ask for the answer");
  await keys.bob.press("Enter");
  await expect(bob.page.getByRole("region", { name: /^(Allowed|Refused)$/ })).toBeVisible();
  await bob.reach("Your question to the patient");
  await keys.bob.type("May we see you again?");
  await bob.reach("Send the question");
  await keys.bob.press("Enter");
  await expect(bob.page.locator(".v-use", { hasText: "May we see you again?" })).toBeVisible();
  await bob.reach("Sign out");
  await keys.bob.press("Enter");
  await bob.heading("Ask for data");
  const aurel = await Person.arrive(browser, "aurel");
  await signIn(aurel, "/audit", "aurel", "Audit");
  for (const what of [/^Check now.*Log of uses/, /^Check now.*Ledger/]) {
    await aurel.reach(what);
    await aurel.page.keyboard.press("Enter");
  }
  await expect(aurel.page.getByText("Signed, and it holds")).toHaveCount(2);
  await aurel.reach("Show");
  await aurel.page.keyboard.press("Enter");
  await expect(aurel.page.locator(".v-use").first()).toBeVisible();
  for (const p of [aurel, city, bob, rosa]) await fits(p.page);
  await aurel.leave();
});

test("every page of the router is clean, fits, and is read from right to left", async () => {
  const { page } = dora;
  test.setTimeout(480_000);
  await again(dora, "Home", /Home/);
  const request = await page.evaluate(async () => {
    history.pushState(null, "", "/asked");
    for (let i = 0; i < 100 && document.querySelector('a[href^="/asked/"]') === null; i++) await new Promise((next) => setTimeout(next, 100));
    return document.querySelector('a[href^="/asked/"]')?.getAttribute("href")?.slice("/asked/".length) ?? "";
  });
  expect(request).toMatch(/^[0-9a-f]{64}$/);
  const all = routes({ seq: "3", id: request }).filter((p) => !isConsole(p));
  for (const path of all) {
    await visit(page, path);
    await dora.look(`65${path.replaceAll("/", "-")}`);
    await fits(page);
  }
  await page.locator("#language").selectOption("ar");
  await expect(page.locator("html")).toHaveAttribute("dir", "rtl");
  for (const path of all) {
    await visit(page, path);
    await page.setViewportSize({ width: 360, height: 740 });
    await dora.look(`82-arabic-phone${path.replaceAll("/", "-")}`);
    await page.setViewportSize({ width: 1000, height: 800 });
    await fits(page);
  }
  await page.locator("#language").selectOption("en");
});

test("nothing moves for who wants no motion, and forced colours leave focus and place to be seen", async () => {
  const { page } = dora;
  await visit(page, "/uses");
  await page.emulateMedia({ reducedMotion: "reduce" });
  const moving = await page.evaluate(() => {
    const dot = document.body.appendChild(Object.assign(document.createElement("span"), { className: "v-wait__dot" }));
    const slow = [...document.querySelectorAll("*")].filter((e) => {
      const s = getComputedStyle(e);
      return [s.animationDuration, s.transitionDuration].some((d) => d.split(",").some((t) => parseFloat(t) > 0.01));
    });
    dot.remove();
    return slow.map((e) => `${e.tagName} ${e.className}`);
  });
  expect(moving).toEqual([]);
  await page.emulateMedia({ reducedMotion: null, forcedColors: "active" });
  await dora.look("84-forced-colours");
  const unseen = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("a[href], button, select, summary, input")].filter((e) => {
      if (e.offsetParent === null) return false;
      e.focus();
      const s = getComputedStyle(e);
      const own = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0;
      return !own && document.activeElement === e;
    }).map((e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`),
  );
  expect(unseen).toEqual([]);
  await page.emulateMedia({ forcedColors: null });
});

test("nothing forbidden has happened in anybody's browser", async () => {
  for (const p of [dora, city, bob, rosa]) await p.leave();
});
