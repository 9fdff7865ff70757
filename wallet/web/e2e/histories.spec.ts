import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "@playwright/test";

import { hospital, pseudonym, volens } from "./desk.ts";
import { newWallet, unlock } from "./patient.ts";
import type { Person } from "./person.ts";
import { launch, world, type Running } from "./world.ts";

const record = "MRN-4001";

test.describe.configure({ mode: "serial" });

// A hospital of its own: its gateway is stopped, copied, and made to lie.
const before = process.env["VOLENS_WORLD"];
const place = mkdtempSync(join(tmpdir(), "volens-histories-"));
let gateway: Running;
let gwen: Person;
let knownToRosa = "";

/** Starts the gateway on a world, where it was before. */
async function serve(dir: string): Promise<void> {
  gateway = await launch(join(place, dir), before === process.env["VOLENS_WORLD"] ? undefined : new URL(world().server).host);
  process.env["VOLENS_WORLD"] = join(place, "world.json");
  writeFileSync(process.env["VOLENS_WORLD"], gateway.said);
}

test.beforeAll(() => serve("honest"));

test.afterAll(async () => {
  await gateway.stop();
  rmSync(place, { recursive: true, force: true });
  if (before !== undefined) process.env["VOLENS_WORLD"] = before;
});

/** Rosa asks for what she has no consent for: uses, all the same. */
function ask(times: number): void {
  const { member, key } = world().members.rosa;
  for (let i = 0; i < times; i++) {
    expect(() => volens("access", "ask", "--server", world().server, "--member", member, "--key", key, "--subject", knownToRosa, "--purpose", "HRESCH")).toThrow();
  }
}

/** She opens the list anew. */
async function look(p: Person): Promise<void> {
  await p.open("/uses");
  await unlock(p);
  await p.heading("Who used my data");
  await expect(p.page.locator(".v-wait")).toHaveCount(0);
}

const anchor = "**/v1/ledger/anchor";
let anchored = "";

test("the list is held against what the ledger shows to all", async ({ browser }) => {
  gwen = await newWallet(browser, "gwen", record);
  const { page } = gwen;
  knownToRosa = pseudonym(record, "rosa-institute");
  ask(2);
  hospital("custodian", "anchor"); // as the server does each minute: a list that was never compared is not called true
  await look(gwen);
  await expect(page.getByRole("heading", { name: /This list is complete and true/ })).toBeVisible();
  await page.getByText("How we know").click();
  await expect(page.getByText(/put a fingerprint of the log on the ledger, where all can see it/)).toBeVisible();
  await gwen.look("h01-anchored");
});

test("a ledger that cannot be asked leaves a check open, and says so", async () => {
  const { page } = gwen;
  await page.route(anchor, (r) => r.abort());
  await look(gwen);
  await expect(page.getByRole("heading", { name: "One check is still missing" })).toBeVisible();
  await expect(page.getByText("complete and true")).toHaveCount(0);
  await gwen.look("h02-open");
  await page.unroute(anchor);
});

test("an anchor that was there cannot be hidden", async () => {
  const { page } = gwen;
  await page.route(anchor, (r) => r.fulfill({ json: { consistency: [] } }));
  await look(gwen);
  await expect(page.getByRole("alert").getByText("Something that was there is now hidden")).toBeVisible();
  await gwen.looks("h03-hidden");
  await page.unroute(anchor);
  await look(gwen);
  await expect(page.getByRole("heading", { name: /This list is complete and true/ })).toBeVisible();
});

test("a gateway that shows her another history than the others is caught", async () => {
  const { page } = gwen;
  await gateway.stop();
  cpSync(join(place, "honest"), join(place, "forked"), { recursive: true });
  await serve("honest");
  ask(1);
  hospital("custodian", "anchor"); // this is what the ledger shows from now on
  anchored = await (await page.request.post("/v1/ledger/anchor", { data: { size: "1" } })).text();
  expect(anchored).toContain('"receipt"');
  await gateway.stop();
  await serve("forked"); // signed with the same keys, and sound in itself
  ask(4);
  await page.route(anchor, (r) => r.fulfill({ body: anchored, contentType: "application/json" }));
  await look(gwen);
  const alarm = page.getByRole("alert");
  await expect(alarm.getByText("Others see another list than you")).toBeVisible();
  await expect(page.locator(".v-use--failed")).toHaveCount(await page.locator(".v-use").count());
  await gwen.looks("h04-forked");
  const proof = JSON.parse(readFileSync(await gwen.saved("Save what my device saw", "two-histories.json"), "utf8")) as Record<string, Record<string, unknown>>;
  expect(proof["anchor"]).toMatchObject({ state: "failed", alarm: "fork", shown: { receipt: { leaf: (JSON.parse(anchored) as { receipt: { leaf: string } }).receipt.leaf } } });
  expect(proof["checkpoint"]?.["note"]).toContain("volens/uses/");
  await gwen.go("Home", /Home/);
  await expect(page.getByRole("heading", { name: "A check failed" })).toBeVisible();
  await page.unroute(anchor);
  await gwen.leave();
});
