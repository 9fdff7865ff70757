import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { expect, test } from "@playwright/test";
import encode from "qr";

import { folder, hospital, volens } from "./desk.ts";
import { newWallet, password, unlock } from "./patient.ts";
import { Person } from "./person.ts";

const record = "MRN-3003";

test.describe.configure({ mode: "serial" });

let eva: Person;

test("a consent receipt by ISO 27560 is one that volens verify accepts", async ({ browser }) => {
  eva = await newWallet(browser, "eva", record);
  const { page } = eva;
  await eva.go("My consents");
  await page.getByRole("link", { name: "Share data" }).click();
  await page.getByLabel("Research").check();
  await eva.press("Continue");
  await eva.press("Continue");
  await eva.press("Sign and save");
  await eva.heading(/You now share data/);
  await eva.go("Documents");
  await eva.looks("r30-documents");
  const receipt = await eva.saved(/Save consent receipt/, "receipt.json");
  const checked = JSON.parse(volens("verify", receipt, "--json")) as { state: string };
  expect(checked.state).toBe("dpv:ConsentGiven");
});

interface Card {
  id: string;
  content: string[];
}

test("a health certificate is read from a picture, judged here, and shared and taken back", async () => {
  const { page } = eva;
  const cards = JSON.parse(readFileSync(resolve(import.meta.dirname, "../../document/testdata/smart-health-cards/vectors.json"), "utf8")) as Card[];
  const text = cards.find((c) => c.id === "qrnumeric-invalid-single-chunk-qr-header")?.content[0] ?? "";
  const picture = join(folder, "card.gif");
  writeFileSync(picture, encode(text, "gif", { ecc: "low", scale: 4 }));
  await eva.go("Documents");
  await page.getByRole("link", { name: "Health certificates" }).click();
  await eva.heading("Health certificates");
  await eva.press("Add a certificate");
  await eva.looks("r33-certificate-add");
  await eva.press("Read it");
  await expect(page.getByRole("alert")).toContainText("Choose a file or paste the text.");
  await page.getByLabel("Picture or file").setInputFiles(picture);
  await expect(page.getByLabel("Or the text of the code")).toHaveValue(text);
  await page.getByLabel("Or the text of the code").fill(`${text.slice(0, -22)}${text.slice(-22, -20) === "50" ? "51" : "50"}${text.slice(-20)}`);
  await eva.press("Read it");
  await eva.heading("Is this your certificate?");
  await expect(page.getByRole("heading", { name: "Do not rely on this" })).toBeVisible();
  await eva.looks("r34-certificate-bad");
  await eva.press("Back");
  await page.getByLabel("Or the text of the code").fill(text);
  await eva.press("Read it");
  await expect(page.getByRole("heading", { name: "The signature is right and it is in force" })).toBeVisible();
  await eva.press("Keep it");
  await expect(page.getByText("Kept on this device.")).toBeVisible();
  await eva.looks("r35-certificates");
  await eva.press("Let others get it");
  await eva.heading(/Put it at your hospital/);
  await eva.looks("r36-put-down");
  await eva.press("Put it there");
  await expect(page.getByText("It is at your hospital now.")).toBeVisible();
  await eva.go("Documents");
  await page.getByRole("link", { name: "Documents at your hospital" }).click();
  await expect(page.getByRole("heading", { level: 2, name: "Vaccination" })).toBeVisible();
  await page.getByLabel("Document", { exact: true }).setInputFiles({ name: "letter.txt", mimeType: "text/plain", buffer: Buffer.from("A letter to my doctor.") });
  await page.getByLabel("Title").fill("Letter");
  await page.getByLabel("It is very private").check();
  await eva.press("Put it there");
  await expect(page.getByRole("heading", { level: 2, name: "Letter" })).toBeVisible();
  await eva.looks("r37-shared");
  await eva.press(/Take it away ?: Letter/);
  await expect(page.getByRole("heading", { level: 2, name: "Letter" })).toHaveCount(0);
  await expect(page.getByText("Taken away and destroyed there.")).toBeVisible();
  hospital("custodian", "anchor");
  await eva.go("Who used my data");
  await expect(page.getByText("You took a document away from your hospital.")).toBeVisible();
  await expect(page.getByText("This list is complete and true")).toBeVisible();
});

test("a wallet file takes the place of another wallet, with its password", async ({ browser }) => {
  await eva.go("Settings");
  await eva.looks("r31-settings");
  const file = await eva.saved("Save the locked wallet as a file", "wallet.json");
  const p = await Person.arrive(browser, "new-phone");
  await p.open("/start?file");
  await p.heading("Bring a wallet back from a file");
  await p.looks("r32-restore");
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
  const other = await newWallet(browser, "other-phone");
  await other.open("/settings");
  await unlock(other);
  await other.page.getByText("Use another wallet file").click();
  await other.page.getByLabel("Wallet file").setInputFiles(file);
  await other.page.locator("#file-password").fill(password);
  await other.press("Bring it back");
  await unlock(other);
  await expect(other.page.getByRole("link", { name: "My consents", exact: true })).toBeVisible();
  await other.leave();
});

test("Eva erases her record: what goes, what stays, a word to type, and the proof", async () => {
  const { page } = eva;
  expect(hospital("custodian", "find", "--local-id", record)["handle"]).toMatch(/^[0-9a-f]{32}$/);
  await eva.go("Settings");
  await page.getByRole("link", { name: "Erase this record" }).click();
  await eva.heading("Erase my record in Volens");
  await expect(page.getByRole("button", { name: "Erase it for ever" })).toBeVisible();
  await eva.looks("r40-erase");
  await eva.press("Erase it for ever");
  await expect(page.getByRole("alert")).toContainText("Type the word “erase”.");
  await page.getByLabel(/Type the word/).fill("Erase");
  await eva.press("Erase it for ever");
  await eva.heading("Your record in Volens is erased");
  await eva.looks("r41-erased");
  const proof = await eva.saved("Save the proof", "erased.json");
  expect(readFileSync(proof, "utf8")).toContain('"Erase"');
  expect(() => hospital("custodian", "find", "--local-id", record)).toThrow("not-found"); // the hospital's link to it is gone, too
  await eva.press("Remove it from this device");
  await eva.heading("Link your hospital");
  await eva.leave();
});
