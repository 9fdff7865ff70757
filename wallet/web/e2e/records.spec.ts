import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect, test, type Browser } from "@playwright/test";
import encode from "qr";

import { password, unlock } from "./patient.ts";
import { Person } from "./person.ts";
import { world } from "./world.ts";

test.describe.configure({ mode: "serial" });

const binary = process.env["VOLENS"] ?? resolve(import.meta.dirname, "../../../bin/volens");
const folder = mkdtempSync(join(tmpdir(), "volens-records-"));

/** Runs the binary's own command line as the hospital. */
function hospital(...args: string[]): { handle: string; invitation: string; [name: string]: unknown } {
  const { member, key } = world().members.city;
  const out = execFileSync(binary, [...args, "--json", "--server", world().server, "--member", member, "--key", key], { encoding: "utf8" });
  return JSON.parse(out) as { handle: string; invitation: string };
}

/** A wallet of its own, and a record at the hospital when it has a number. */
async function arrive(browser: Browser, name: string, record?: string): Promise<Person> {
  const p = await Person.arrive(browser, name);
  const { page } = p;
  await p.open("/start");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("Type it again").fill(password);
  await p.press("Make my wallet");
  await p.heading("Write down your 24 words");
  await p.press("Show my words");
  const words = await page.locator(".v-words li").allTextContents();
  await p.press("I have written them down");
  await p.heading("Check your words");
  for (const field of await page.getByLabel(/Word number/).all()) {
    await field.fill(words[Number((await field.getAttribute("name"))?.replace("word-", "")) - 1] ?? "");
  }
  await p.press("Continue");
  await p.heading("Link your hospital");
  if (record !== undefined) {
    await page.getByLabel("Invitation").fill(hospital("custodian", "open", "--local-id", record).invitation);
    await p.press("Read the invitation");
    await p.heading("Is this your hospital?");
    await p.press("Yes, link it");
    await p.heading("You are linked with City Hospital");
    await p.press("Continue");
    await p.heading(/Home/);
  }
  return p;
}

/** Presses a button that saves a file, and returns where it is. */
async function saved(p: Person, button: string | RegExp, name: string): Promise<string> {
  const download = p.page.waitForEvent("download");
  await p.press(button);
  const path = join(folder, name);
  await (await download).saveAs(path);
  return path;
}

/** Looks at a page at a desk and at a phone, in English and in Arabic. */
async function looks(p: Person, name: string): Promise<void> {
  await p.look(name);
  await p.page.setViewportSize({ width: 360, height: 740 });
  await p.page.screenshot({ path: `${import.meta.dirname}/artefacts/${name}-phone.png`, fullPage: true });
  await p.page.locator("#language").selectOption("ar");
  await expect(p.page.locator("html")).toHaveAttribute("dir", "rtl");
  await p.look(`${name}-phone-ar`);
  await p.page.setViewportSize({ width: 320, height: 640 });
  const width = await p.page.evaluate(() => document.documentElement.scrollWidth);
  expect(width, `${name} at 320 pixels`).toBeLessThanOrEqual(320);
  await p.page.locator("#language").selectOption("en");
  await p.page.setViewportSize({ width: 1000, height: 800 });
}

let anna: Person;
let bea: Person;
let cem: Person;
let number = "";

test("Anna has a record; Bea has one too, and Cem has none", async ({ browser }) => {
  anna = await arrive(browser, "anna", "MRN-3001");
  bea = await arrive(browser, "bea", "MRN-3002");
  cem = await arrive(browser, "cem");
  await anna.go("People who act for me");
  await anna.page.getByRole("link", { name: "People who can bring me back" }).click();
  await anna.heading("People who can bring me back");
  await looks(anna, "r01-guardians-none");
  await anna.press("Name people");
  await anna.heading("Name people who can bring you back");
  number = (await anna.page.getByRole("group", { name: "Your number, for them" }).locator("code").textContent()) ?? "";
  expect(number).toMatch(/^[0-9a-f]{32}$/);
  await looks(anna, "r02-guardians-form");
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
  await looks(bea, "r03-address");
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
  await looks(anna, "r04-guardians-sign");
  await anna.press("Sign and save");
  await expect(page.getByText("Now give each of them the file.")).toBeVisible();
  await looks(anna, "r05-guardians");
  kept = await saved(anna, "Save the file for them", "guardians.json");
  expect(JSON.parse(readFileSync(kept, "utf8"))).toMatchObject({ guardians: { threshold: "2", addresses } });
});

test("a file that is kept for that day is not to be signed yet", async () => {
  await bea.open("/helping");
  await unlock(bea);
  await looks(bea, "r06-helping");
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
  if (look) await looks(p, "r08-help-sign");
  await p.press("Sign for them");
  await expect(p.page.getByRole("alert")).toContainText("Talk to them first.");
  await p.page.getByLabel(/I talked to them/).check();
  await p.press("Sign for them");
  await p.heading("You signed");
  if (look) await looks(p, "r09-help-signed");
  const out = await saved(p, "Save the file for them", `signed-by-${name}.json`);
  await p.press("Back");
  return out;
}

/** Begins a recovery in a new wallet and gathers both signatures. */
async function gather(p: Person, look: boolean): Promise<void> {
  const { page } = p;
  await page.getByRole("link", { name: "Lost words" }).click();
  await p.heading("Bring a record back with people I named");
  if (look) await looks(p, "r07-recover-begin");
  await page.locator("#recovery-file-file").setInputFiles(kept);
  await page.getByLabel("The newest text from your hospital").fill(place());
  await p.press("Make a new key for it");
  await expect(page.getByText("0 of 2")).toBeVisible();
  if (look) await looks(p, "r10-recover-collect");
  const ask = await saved(p, "Save the file for them", "new-key.json");
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
  const thief = await arrive(browser, "thief");
  await gather(thief, true);
  await thief.press("Start the waiting time");
  await expect(thief.page.getByText(/The waiting time/).first()).toBeVisible();
  await looks(thief, "r11-recover-wait");
  await anna.open("/");
  await unlock(anna);
  await expect(anna.page.getByRole("heading", { name: "Somebody is giving your record to a new key" })).toBeVisible();
  await looks(anna, "r12-home-recovery");
  await anna.page.getByRole("link", { name: "Stop it" }).click();
  await anna.heading("Stop the new key?");
  await expect(anna.page.getByRole("button", { name: "Stop it" })).toBeVisible();
  await looks(anna, "r13-stop");
  await anna.press("Stop it");
  await anna.heading("Stopped. Your key stays as it is.");
  await anna.go("Home");
  await expect(anna.page.getByText("Somebody is giving your record")).toHaveCount(0);
  await thief.leave();
});

test("Anna loses everything, and gets her record back with a new phrase", async ({ browser }) => {
  test.setTimeout(300_000);
  await anna.leave();
  anna = await arrive(browser, "anna-again");
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
  await looks(anna, "r14-recover-finish");
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
  await looks(anna, "r20-name-delegate");
  await bea.press(/Show the key address ?: Anna/); // she is known since she named Bea before
  await bea.heading("Your key address for Anna");
  await page.getByLabel("Their key address").fill((await bea.page.locator("main code").first().textContent()) ?? "");
  for (const scope of [/say yes or no/, /stop sharing/]) await page.getByLabel(scope).check();
  await anna.press("Continue");
  await anna.press("Sign and save");
  await expect(page.getByText("Send them the file")).toBeVisible();
  const file = await saved(anna, "Save the file for them", "delegation.json");
  await bea.open("/helping");
  await unlock(bea);
  await bea.page.locator("#act-file-file").setInputFiles(file);
  await bea.page.locator("#act-name").fill("Anna");
  await bea.press("Start to act for them");
  await bea.heading("You can now act for Anna");
  await looks(bea, "r21-acting");
  await bea.go("My consents");
  await bea.page.getByLabel("Which record").selectOption({ label: "For Anna – City Hospital" });
  await expect(bea.page.getByText("You act for Anna")).toBeVisible();
  await bea.page.getByRole("link", { name: "Share data" }).click();
  await bea.page.getByLabel("My care team").check();
  await bea.press("Continue");
  await looks(bea, "r22-acting-give");
  await bea.press("Continue");
  await expect(bea.page.locator(".v-quote")).toContainText("I say this for somebody");
  await bea.press("Sign and save");
  await bea.heading(/You now share data with/);
  await bea.page.getByRole("link", { name: "Stop acting for them" }).click();
  await bea.heading("Stop acting for Anna?");
  await looks(bea, "r23-acting-end");
  await bea.press("Stop acting for them");
  await bea.heading("You no longer act for Anna");
  await bea.press("Continue");
  await expect(bea.page.getByLabel("Which record")).toHaveCount(0);
  await anna.go("Who used my data");
  await expect(page.getByText("This list is complete and true")).toBeVisible();
});

test("a consent receipt by ISO 27560 is one that volens verify accepts", async () => {
  const { page } = anna;
  await anna.go("My consents");
  await page.getByRole("link", { name: "Share data" }).click();
  await page.getByLabel("Research").check();
  await anna.press("Continue");
  await anna.press("Continue");
  await anna.press("Sign and save");
  await anna.heading(/You now share data/);
  await anna.go("Documents");
  await looks(anna, "r30-documents");
  const receipt = await saved(anna, /Save consent receipt/, "receipt.json");
  const checked = JSON.parse(execFileSync(binary, ["verify", receipt, "--json"], { encoding: "utf8" })) as { state: string };
  expect(checked.state).toBe("dpv:ConsentGiven");
});

interface Card {
  id: string;
  content: string[];
}

test("a health certificate is read from a picture, judged here, and shared and taken back", async () => {
  const { page } = anna;
  const cards = JSON.parse(readFileSync(resolve(import.meta.dirname, "../../document/testdata/smart-health-cards/vectors.json"), "utf8")) as Card[];
  const text = cards.find((c) => c.id === "qrnumeric-invalid-single-chunk-qr-header")?.content[0] ?? "";
  const picture = join(folder, "card.gif");
  writeFileSync(picture, encode(text, "gif", { ecc: "low", scale: 4 }));
  await anna.go("Documents");
  await page.getByRole("link", { name: "Health certificates" }).click();
  await anna.heading("Health certificates");
  await anna.press("Add a certificate");
  await looks(anna, "r33-certificate-add");
  await anna.press("Read it");
  await expect(page.getByRole("alert")).toContainText("Choose a file or paste the text.");
  await page.getByLabel("Picture or file").setInputFiles(picture);
  await expect(page.getByLabel("Or the text of the code")).toHaveValue(text);
  await page.getByLabel("Or the text of the code").fill(`${text.slice(0, -22)}${text.slice(-22, -20) === "50" ? "51" : "50"}${text.slice(-20)}`);
  await anna.press("Read it");
  await anna.heading("Is this your certificate?");
  await expect(page.getByRole("heading", { name: "Do not rely on this" })).toBeVisible();
  await looks(anna, "r34-certificate-bad");
  await anna.press("Back");
  await page.getByLabel("Or the text of the code").fill(text);
  await anna.press("Read it");
  await expect(page.getByRole("heading", { name: "The signature is right and it is in force" })).toBeVisible();
  await anna.press("Keep it");
  await expect(page.getByText("Kept on this device.")).toBeVisible();
  await looks(anna, "r35-certificates");
  await anna.press("Let others get it");
  await anna.heading(/Put it at your hospital/);
  await looks(anna, "r36-put-down");
  await anna.press("Put it there");
  await expect(page.getByText("It is at your hospital now.")).toBeVisible();
  await anna.go("Documents");
  await page.getByRole("link", { name: "Documents at your hospital" }).click();
  await expect(page.getByRole("heading", { level: 2, name: "Vaccination" })).toBeVisible();
  await page.getByLabel("Document", { exact: true }).setInputFiles({ name: "letter.txt", mimeType: "text/plain", buffer: Buffer.from("A letter to my doctor.") });
  await page.getByLabel("Title").fill("Letter");
  await page.getByLabel("It is very private").check();
  await anna.press("Put it there");
  await expect(page.getByRole("heading", { level: 2, name: "Letter" })).toBeVisible();
  await looks(anna, "r37-shared");
  await anna.press(/Take it away ?: Letter/);
  await expect(page.getByRole("heading", { level: 2, name: "Letter" })).toHaveCount(0);
  await expect(page.getByText("Taken away and destroyed there.")).toBeVisible();
  await anna.go("Who used my data");
  await expect(page.getByText("You took a document away from your hospital.")).toBeVisible();
  await expect(page.getByText("This list is complete and true")).toBeVisible();
});

test("a wallet file takes the place of another wallet, with its password", async ({ browser }) => {
  await anna.go("Settings");
  await looks(anna, "r31-settings");
  const file = await saved(anna, "Save the locked wallet as a file", "wallet.json");
  const p = await Person.arrive(browser, "new-phone");
  await p.open("/start?file");
  await p.heading("Bring a wallet back from a file");
  await looks(p, "r32-restore");
  await p.press("Bring it back");
  await expect(p.page.getByRole("alert")).toContainText("Choose the file.");
  await p.page.getByLabel("Wallet file").setInputFiles(file);
  await p.page.getByLabel("Password", { exact: true }).fill("a wrong password");
  await p.press("Bring it back");
  await expect(p.page.getByRole("alert")).toContainText("That password is not right.");
  await p.page.getByLabel("Password", { exact: true }).fill(password);
  await p.press("Bring it back");
  await p.heading(/Home/);
  await p.leave();
  const cemHere = cem.page;
  await cem.open("/settings");
  await unlock(cem);
  await cemHere.getByText("Use another wallet file").click();
  await cemHere.getByLabel("Wallet file").setInputFiles(file);
  await cemHere.locator("#file-password").fill(password);
  await cem.press("Bring it back");
  await unlock(cem);
  await expect(cemHere.getByRole("link", { name: "My consents", exact: true })).toBeVisible();
});

test("Anna erases her record: what goes, what stays, a word to type, and the proof", async () => {
  const { page } = anna;
  await anna.go("Settings");
  await page.getByRole("link", { name: "Erase this record" }).click();
  await anna.heading("Erase my record in Volens");
  await expect(page.getByRole("button", { name: "Erase it for ever" })).toBeVisible();
  await looks(anna, "r40-erase");
  await anna.press("Erase it for ever");
  await expect(page.getByRole("alert")).toContainText("Type the word “erase”.");
  await page.getByLabel(/Type the word/).fill("Erase");
  await anna.press("Erase it for ever");
  await anna.heading("Your record in Volens is erased");
  await looks(anna, "r41-erased");
  const proof = await saved(anna, "Save the proof", "erased.json");
  expect(readFileSync(proof, "utf8")).toContain('"Erase"');
  expect(() => hospital("custodian", "find", "--handle", number)).toThrow(); // the hospital's link to it is gone, too
  await anna.press("Remove it from this device");
  await anna.heading("Link your hospital");
});

test("nothing forbidden has happened in their browsers", async () => {
  for (const p of [anna, bea, cem]) await p.leave();
});
