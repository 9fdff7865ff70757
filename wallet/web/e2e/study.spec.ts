import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test, type Page } from "@playwright/test";

import { onboard, unlock } from "./patient.ts";
import { pseudonym } from "./desk.ts";
import { Person } from "./person.ts";
import { ask, signIn } from "./staff.ts";
import { launch, type Running } from "./world.ts";

const record = "MRN-1002";
const issuer = "https://broker.example/oidc/";
const disease = "MONDO:0005148";

test.describe.configure({ mode: "serial" });

// A hospital of its own, which believes the visas of one broker.
const before = process.env["VOLENS_WORLD"];
const place = mkdtempSync(join(tmpdir(), "volens-study-"));
const broker = generateKeyPairSync("ec", { namedCurve: "P-256" });
let gateway: Running;
let hana: Person;
let rosa: Person;

test.beforeAll(async ({ browser }) => {
  const rules = join(place, "research.json");
  const key = { ...broker.publicKey.export({ format: "jwk" }), kid: "k1", alg: "ES256", use: "sig" };
  writeFileSync(rules, JSON.stringify({ issuers: [{ iss: issuer, jwks: { keys: [key] }, people: { "rosa-institute": ["rosa"] } }], diseases: { [disease]: ["MONDO:0005015"] } }));
  gateway = await launch(join(place, "world"), undefined, "--research", rules);
  process.env["VOLENS_WORLD"] = join(place, "world.json");
  writeFileSync(process.env["VOLENS_WORLD"], gateway.said);
  hana = await Person.arrive(browser, "hana");
  rosa = await Person.arrive(browser, "rosa");
});

test.afterAll(async () => {
  await gateway.stop();
  rmSync(place, { recursive: true, force: true });
  if (before !== undefined) process.env["VOLENS_WORLD"] = before;
});

/** A visa that says that Rosa is a researcher, as a broker signs it. */
function passport(): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (of: object) => Buffer.from(JSON.stringify(of)).toString("base64url");
  const claims = {
    iss: issuer, sub: "rosa", iat: now, exp: now + 3600, scope: "openid",
    ga4gh_visa_v1: { type: "ResearcherStatus", asserted: now - 60, value: "https://doi.org/10.1038/s41431-018-0219-y", source: "https://institute.example", by: "so" },
  };
  const text = `${part({ alg: "ES256", kid: "k1", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key: broker.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

const dataForm = (page: Page) => page.getByRole("region", { name: "Ask for data", exact: true });
const consentForm = (page: Page) => page.getByRole("region", { name: "Ask the patient for a consent" });

test("Rosa asks for a consent for studies of one illness, by researchers with a visa", async () => {
  await onboard(hana, false);
  await signIn(rosa, "/requests", "rosa", "Ask for data");
  const { page } = rosa;
  await page.getByLabel("Patient’s pseudonym").fill(pseudonym(record, "rosa-institute"));
  const form = consentForm(page);
  await form.getByLabel("What for").selectOption("HRESCH");
  await form.getByLabel("What a study must be").selectOption("DS");
  await form.getByLabel("Illnesses").fill("diabetes");
  await form.getByLabel("Your question to the patient").fill("May we use your record for studies of diabetes?");
  await rosa.press("Send the question");
  await expect(form.getByText("Write each illness like MONDO:0005148.")).toBeVisible();
  await expect(form.getByLabel("Illnesses")).toBeFocused();
  await rosa.looks("s01-ask-study");
  await form.getByLabel("Illnesses").fill(disease);
  await form.locator("summary", { hasText: "What a study must keep to" }).click();
  await form.getByLabel(/make no profit \(NPU\)/).check();
  await form.getByLabel("Visa that the researcher must show").fill("ResearcherStatus");
  await rosa.press("Send the question");
  await expect(page.getByText("The patient was asked")).toBeVisible();
});

test("the patient reads for which studies it is, and says yes", async () => {
  const { page } = hana;
  await hana.open("/asked");
  await unlock(hana);
  await page.getByRole("link", { name: /Read and answer/ }).click();
  await expect(page.getByText(`research on certain illnesses, on the illness ${disease} and by those who make no profit`)).toBeVisible();
  await expect(page.getByText("ResearcherStatus")).toBeVisible();
  await hana.looks("s02-asked-study");
  await hana.press("Say yes");
  await hana.press("Sign and save");
  await hana.heading(/You said yes to Rosa's Institute/);
  await hana.go("My consents");
  await page.getByRole("link", { name: /Details/ }).first().click();
  await expect(page.getByText("Only for these studies")).toBeVisible();
  await hana.look("s03-consent-study");
});

test("only a study that fits, by a researcher who shows the visa, gets the data; what is left out is named", async () => {
  const { page } = rosa;
  const form = dataForm(page);
  await form.getByLabel("What for").selectOption("HRESCH");
  await ask(rosa, "Refused");
  await expect(form.getByText("the researcher has not shown the proof that your consent asks for")).toBeVisible();
  const file = (text: string) => form.getByLabel("Passport of the researcher").setInputFiles({ name: "passport.jwt", mimeType: "text/plain", buffer: Buffer.from(text) });
  await file("a letter of recommendation");
  await expect(form.getByText("There is no passport in this file.")).toBeVisible();
  await file(JSON.stringify({ sub: "rosa", ga4gh_passport_v1: [passport()] }));
  await expect(form.getByText("The passport will be sent with each question.")).toBeVisible();
  await ask(rosa, "Refused");
  await expect(form.getByText("because your consent does not allow this study")).toBeVisible();
  await form.getByLabel("What the study is").selectOption("DS");
  await form.getByLabel("Illnesses").fill(disease);
  await form.locator("summary", { hasText: "What it keeps to" }).click();
  await form.getByLabel(/make no profit \(NPU\)/).check();
  await ask(rosa, "Allowed");
  await expect(form.getByText("Parts left out")).toBeVisible();
  await expect(form.getByText(/without /).first()).toBeVisible();
  await expect(form.getByText(/^Use only these parts/)).toBeVisible();
  await rosa.looks("s04-answer-study");
  await form.getByRole("button", { name: "Leave it out" }).click();
  await ask(rosa, "Refused");
});

test("nothing forbidden has happened in their browsers", async () => {
  for (const p of [hana, rosa]) await p.leave();
});
