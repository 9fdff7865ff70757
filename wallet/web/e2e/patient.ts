import { expect, type Browser } from "@playwright/test";

import { invite } from "./desk.ts";
import { Person } from "./person.ts";
import { world } from "./world.ts";

export const password = "three green apples";

/** Makes a wallet, writes the words down and proves it, and links the record of the demo's visitor. */
export async function onboard(p: Person, shots: boolean, invitation = world().visitor): Promise<string[]> {
  const { page } = p;
  const look = (name: string) => (shots ? p.look(name) : Promise.resolve());
  await p.open("/");
  await p.heading("You decide who sees your health record");
  await look("01-welcome");
  await p.open(`/enrol#${invitation}`);
  await p.heading("Choose a password");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("Type it again").fill("something else");
  await p.press("Make my wallet");
  await expect(page.getByRole("alert")).toContainText("not the same");
  await look("02-password");
  await page.getByLabel("Type it again").fill(password);
  await p.press("Make my wallet");
  await p.heading("Write down your 24 words");
  await p.press("Show my words");
  const words = await page.locator(".v-words li").allTextContents();
  expect(words).toHaveLength(24);
  await look("03-words");
  await p.press("I have written them down");
  await p.heading("Check your words");
  for (const field of await page.getByLabel(/Word number/).all()) {
    const n = Number((await field.getAttribute("name"))?.replace("word-", ""));
    await field.fill(words[n - 1] ?? "");
  }
  await look("04-quiz");
  await p.press("Continue");
  await p.heading("Link your hospital");
  await look("05-enrol");
  await p.press("Read the invitation");
  await p.heading("Is this your hospital?");
  await expect(page.getByRole("button", { name: "Yes, link it" })).toBeVisible();
  await look("06-claim");
  await p.press("Yes, link it");
  await p.heading("You are linked with City Hospital");
  await look("07-linked");
  return words;
}

export async function unlock(p: Person): Promise<void> {
  await p.heading("Open your wallet");
  await p.page.getByLabel("Password", { exact: true }).fill(password);
  await p.page.getByRole("button", { name: "Open", exact: true }).click();
  await expect(p.page.getByRole("navigation")).toBeVisible();
}

/** Somebody with a wallet of her own, and a record at the hospital when it has a number. */
export async function newWallet(browser: Browser, name: string, record?: string): Promise<Person> {
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
    await page.getByLabel("Invitation").fill(invite(record));
    await p.press("Read the invitation");
    await p.heading("Is this your hospital?");
    await p.press("Yes, link it");
    await p.heading("You are linked with City Hospital");
    await p.press("Continue");
    await p.heading(/Home/);
  }
  return p;
}
