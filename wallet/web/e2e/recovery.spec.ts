import { readFileSync } from "node:fs";

import { expect, test } from "@playwright/test";

import { hospital } from "./desk.ts";
import { newWallet, unlock } from "./patient.ts";
import type { Person } from "./person.ts";

test.describe.configure({ mode: "serial" });

let anna: Person;
let bea: Person;
let cem: Person;
let number = "";

test("Anna has a record; Bea has one too, and Cem has none", async ({ browser }) => {
  anna = await newWallet(browser, "anna", "MRN-3001");
  bea = await newWallet(browser, "bea", "MRN-3002");
  cem = await newWallet(browser, "cem");
  await anna.go("People who act for me");
  await anna.page.getByRole("link", { name: "People who can bring me back" }).click();
  await anna.heading("People who can bring me back");
  await anna.looks("r01-guardians-none");
  await anna.press("Name people");
  await anna.heading("Name people who can bring you back");
  number = (await anna.page.getByRole("group", { name: "Your number, for people who help you" }).locator("code").textContent()) ?? "";
  expect(number).toMatch(/^[0-9a-f]{32}$/);
  await anna.looks("r02-guardians-form");
});

/** A helper shows the key address for Anna's number. */
async function addressOf(p: Person): Promise<string> {
  await p.open(`/helping#${number}`);
  await unlock(p);
  await p.heading("People I help");
  await expect(p.page.getByLabel("Their number")).toHaveValue(number);
  const offer = p.page.getByRole("region", { name: "Show my key address to somebody" });
  await offer.getByLabel("What you call them").fill("Anna");
  await offer.getByRole("button", { name: "Show the key address" }).first().click();
  await p.heading("Your key address for Anna");
  return (await p.page.locator("main code").first().textContent()) ?? "";
}

let kept = "";

test("she names both, two of two, and they get a file", async () => {
  const addresses = [await addressOf(bea), await addressOf(cem)];
  await bea.looks("r03-address");
  const { page } = anna;
  await anna.press("Continue");
  await expect(page.getByRole("alert")).toContainText("Write a name for each person.");
  for (const [i, name] of ["Bea", "Cem"].entries()) {
    await page.getByLabel(`Name of person ${i + 1}`, { exact: true }).fill(name);
    await page.getByLabel(`Key address of person ${i + 1}`).fill(addresses[0] ?? "");
  }
  await anna.press("Continue");
  await expect(page.getByRole("alert")).toContainText("Each person can be in the list once.");
  await page.getByLabel("Key address of person 2").fill(addresses[1] ?? "");
  await anna.press("Continue");
  await anna.heading("Check and sign");
  await expect(page.getByText("who can bring you back when your key is lost")).toBeVisible();
  await anna.looks("r04-guardians-sign");
  await anna.press("Sign and save");
  await expect(page.getByText("Now give each of them the file.")).toBeVisible();
  await anna.looks("r05-guardians");
  kept = await anna.saved("Save the file for them", "guardians.json");
  expect(JSON.parse(readFileSync(kept, "utf8"))).toMatchObject({ guardians: { threshold: "2", addresses } });
});

test("a file that is kept for that day is not to be signed yet", async () => {
  await bea.open("/helping");
  await unlock(bea);
  await bea.looks("r06-helping");
  await bea.page.locator("#sign-file-file").setInputFiles(kept);
  await bea.press("Read the file");
  await expect(bea.page.getByText("There is nothing to sign yet.")).toBeVisible();
  await bea.press("Back");
});

/** A helper signs the file that asks for a new key. */
async function sign(p: Person, file: string, name: string, look: boolean): Promise<string> {
  await p.page.locator("#sign-file-file").setInputFiles(file);
  await p.press("Read the file");
  await p.heading("Give them a new key?");
  await expect(p.page.getByText("Anna", { exact: true })).toBeVisible();
  await expect(p.page.getByRole("button", { name: "Sign for them" })).toBeVisible();
  if (look) await p.looks("r08-help-sign");
  await p.press("Sign for them");
  await expect(p.page.getByRole("alert")).toContainText("Talk to them first.");
  await p.page.getByLabel(/I talked to them/).check();
  await p.press("Sign for them");
  await p.heading("You signed");
  if (look) await p.looks("r09-help-signed");
  const out = await p.saved("Save the file for them", `signed-by-${name}.json`);
  await p.press("Back");
  return out;
}

/** Begins a recovery in a new wallet and gathers both signatures. */
async function gather(p: Person, look: boolean): Promise<void> {
  const { page } = p;
  await page.getByRole("link", { name: "Lost words" }).click();
  await p.heading("Bring a record back with people I named");
  if (look) await p.looks("r07-recover-begin");
  await page.locator("#recovery-file-file").setInputFiles(kept);
  await page.getByLabel("The newest text from your hospital").fill(place());
  await p.press("Make a new key for it");
  await expect(page.getByText("0 of 2")).toBeVisible();
  if (look) await p.looks("r10-recover-collect");
  const ask = await p.saved("Save the file for them", "new-key.json");
  await cem.open("/helping");
  await unlock(cem);
  for (const [helper, name] of [[bea, "bea"], [cem, "cem"]] as const) {
    const signed = await sign(helper, ask, name, look && name === "bea");
    await page.locator("#signed-file").setInputFiles(signed);
    await p.press("Put it in");
    await expect(page.getByText(name === "bea" ? "1 of 2" : "2 of 2").first()).toBeVisible();
  }
}

/** The text that the hospital's console gives for a record that has moved on. */
function place(): string {
  const { seq, prev } = hospital("custodian", "find", "--local-id", "MRN-3001");
  const file = JSON.parse(readFileSync(kept, "utf8")) as { invitation: string };
  const old = JSON.parse(Buffer.from(file.invitation.slice("volens1:".length), "base64url").toString()) as Record<string, string>;
  const { server = "", handle = "", ledger = "", genesis = "", key = "", usesKey = "" } = old;
  return `volens1:${Buffer.from(JSON.stringify({ server, handle, seq: String(seq), prev, ledger, genesis, key, usesKey })).toString("base64url")}`;
}

test("somebody begins a recovery, and Anna, who still has her key, stops it", async ({ browser }) => {
  const thief = await newWallet(browser, "thief");
  await gather(thief, true);
  await thief.press("Start the waiting time");
  await expect(thief.page.getByText(/The waiting time/).first()).toBeVisible();
  await thief.looks("r11-recover-wait");
  await anna.open("/");
  await unlock(anna);
  await expect(anna.page.getByRole("heading", { name: "Somebody is giving your record to a new key" })).toBeVisible();
  await anna.looks("r12-home-recovery");
  await anna.page.getByRole("link", { name: "Stop it" }).click();
  await anna.heading("Stop the new key?");
  await expect(anna.page.getByRole("button", { name: "Stop it" })).toBeVisible();
  await anna.looks("r13-stop");
  await anna.press("Stop it");
  await anna.heading("Stopped. Your key stays as it is.");
  await anna.go("Home");
  await expect(anna.page.getByText("Somebody is giving your record")).toHaveCount(0);
  await thief.leave();
});

test("Anna loses everything, and gets her record back with a new phrase", async ({ browser }) => {
  test.setTimeout(300_000);
  await anna.leave();
  anna = await newWallet(browser, "anna-again");
  await gather(anna, false);
  await anna.press("Start the waiting time");
  const { page } = anna;
  await expect(page.getByText(/The waiting time/).first()).toBeVisible();
  await expect(async () => {
    await anna.open("/recover");
    await unlock(anna);
    await expect(page.getByRole("button", { name: "Finish" })).toBeVisible({ timeout: 2000 });
  }).toPass({ timeout: 150_000, intervals: [15_000] });
  await anna.press("Finish");
  await anna.heading("Make this record yours again");
  await expect(page.getByText("that this record belongs to the key of this wallet")).toBeVisible();
  await anna.looks("r14-recover-finish");
  await anna.press("Sign and save");
  await anna.heading("Your record is yours again");
  await anna.press("Continue");
  await anna.heading(/Home/);
  await anna.go("Documents");
  await expect(page.getByRole("heading", { name: "You got your record back" })).toBeVisible();
});

test("Bea acts for Anna: she sees, shares and stops for her, and ends it", async () => {
  const { page } = anna;
  await anna.go("People who act for me");
  await anna.press("Name somebody");
  await anna.looks("r20-name-delegate");
  await bea.press(/Show the key address ?: Anna/); // she is known since she named Bea before
  await bea.heading("Your key address for Anna");
  await page.getByLabel("Their key address").fill((await bea.page.locator("main code").first().textContent()) ?? "");
  for (const scope of [/say yes or no/, /stop sharing/]) await page.getByLabel(scope).check();
  await anna.press("Continue");
  await anna.press("Sign and save");
  await expect(page.getByText("Send them the file")).toBeVisible();
  const file = await anna.saved("Save the file for them", "delegation.json");
  await bea.open("/helping");
  await unlock(bea);
  await bea.page.locator("#act-file-file").setInputFiles(file);
  await bea.page.locator("#act-name").fill("Anna");
  await bea.press("Start to act for them");
  await bea.heading("You can now act for Anna");
  await bea.looks("r21-acting");
  await bea.go("My consents");
  await bea.page.getByLabel("Which record").selectOption({ label: "For Anna – City Hospital" });
  await expect(bea.page.getByText("You act for Anna")).toBeVisible();
  await bea.page.getByRole("link", { name: "Share data" }).click();
  await bea.page.getByLabel("My care team").check();
  await bea.press("Continue");
  await bea.looks("r22-acting-give");
  await bea.press("Continue");
  await expect(bea.page.locator(".v-quote")).toContainText("I say this for somebody");
  await bea.press("Sign and save");
  await bea.heading(/You now share data with/);
  await bea.page.getByRole("link", { name: "Stop acting for them" }).click();
  await bea.heading("Stop acting for Anna?");
  await bea.looks("r23-acting-end");
  await bea.press("Stop acting for them");
  await bea.heading("You no longer act for Anna");
  await bea.press("Continue");
  await expect(bea.page.getByLabel("Which record")).toHaveCount(0);
  hospital("custodian", "anchor");
  await anna.go("Who used my data");
  await expect(page.getByText("This list is complete and true")).toBeVisible();
});

test("nothing forbidden has happened in their browsers", async () => {
  for (const p of [anna, bea, cem]) await p.leave();
});
