import { expect } from "@playwright/test";

import type { Person } from "./person.ts";
import { world } from "./world.ts";

/** Signs in at a console with the key file of a member of the demo. */
export async function signIn(p: Person, console: string, who: "rosa" | "bob" | "aurel" | "city", name: string): Promise<void> {
  await p.open(console);
  await p.page.getByLabel("Key file").setInputFiles(world().members[who].key);
  await p.page.getByLabel("Password", { exact: true }).fill("a desk of one's own");
  await p.press("Add the key");
  await p.page.getByRole("button", { name: /^Sign in/ }).click();
  await expect(p.page.getByRole("heading", { level: 1, name: new RegExp(name) })).toBeVisible();
}

/** Asks for data about a subject and waits for the answer. */
export async function askData(p: Person, subject: string, purpose: string, answer: "Allowed" | "Refused", button = "Ask and get the data"): Promise<void> {
  await p.page.getByLabel("Patient’s pseudonym").fill(subject);
  await p.page.getByLabel("What for").first().selectOption(purpose);
  await ask(p, answer, button);
}

/** Sends the question. A gateway that a busy machine keeps behind its ledger refuses everything; then it is asked again. */
export async function ask(p: Person, answer: "Allowed" | "Refused", button = "Ask and get the data"): Promise<void> {
  for (;;) {
    await p.press(button);
    const box = p.page.getByRole("region", { name: /^(Allowed|Refused)$/ });
    await expect(box).toBeVisible();
    if (!(await box.textContent())?.includes("was not up to date")) break;
  }
  await expect(p.page.getByRole("heading", { level: 3, name: answer })).toBeVisible();
}
