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
export async function askData(p: Person, subject: string, purpose: string, answer: "Allowed" | "Refused"): Promise<void> {
  await p.page.getByLabel("Patient’s pseudonym").fill(subject);
  await p.page.getByLabel("What for").first().selectOption(purpose);
  await p.press("Ask and get the data");
  await expect(p.page.getByRole("heading", { level: 3, name: answer })).toBeVisible();
}
