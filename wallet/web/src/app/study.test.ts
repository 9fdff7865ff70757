import { expect, test } from "vitest";

import { vectors } from "../core/testdata.ts";
import { diseaseForm, listed, modifiers, passportOf, permissions, policiesOf, usesOf, visaForm } from "./study";
import { termsOf } from "./systems";

const obo = "http://purl.obolibrary.org/obo/";
const ontology = vectors<{ terms: { id: string; shorthand: string | null; deprecated: boolean }[] }>("policies/duo/terms.json").terms;
const known = new Map(ontology.map((t) => [t.shorthand, t.id]));
const given = termsOf({ members: ["rosa-institute"], purposes: ["HRESCH"], types: [], keepPrivate: false, from: 1, until: 9, locale: "en" });

test("terms have the ontology's own names", () => {
  const all = [...Object.keys(permissions), ...Object.keys(modifiers), "NRES", "CC", "NPOA"];
  for (const short of all) {
    const id = known.get(short) ?? "";
    expect(id, short).toMatch(/^DUO:/);
    expect(policiesOf({ terms: [short], visas: [] })).toEqual([obo + id.replace(":", "_")]);
  }
});

test("data uses go into a consent and come back", () => {
  const uses = { terms: ["DS", "MONDO:0005148", "NPU", "NPOA"], visas: ["ResearcherStatus", "AffiliationAndRole=faculty@example.org"] };
  const consent = { ...given, policies: ["https://hospital.example/policy", ...policiesOf(uses)] };
  expect(usesOf(consent)).toEqual(uses);
  expect(usesOf(given)).toEqual({ terms: [], visas: [] });
  expect(usesOf({ ...given, policies: [`${obo}DUO_0000099`] }).terms).toEqual(["DUO:0000099"]);
});

test.each([
  ["", diseaseForm, []],
  ["MONDO:0005148", diseaseForm, ["MONDO:0005148"]],
  [" MONDO:0005148, DOID:9351 ", diseaseForm, ["MONDO:0005148", "DOID:9351"]],
  ["MONDO:0005148، DOID:9351", diseaseForm, ["MONDO:0005148", "DOID:9351"]],
  ["diabetes", diseaseForm, null],
  ["DUO:0000007", diseaseForm, null],
  ["ResearcherStatus", visaForm, ["ResearcherStatus"]],
  ["AffiliationAndRole=faculty@example.org,https://visas.example/training=2", visaForm, ["AffiliationAndRole=faculty@example.org", "https://visas.example/training=2"]],
  ["Researcher", visaForm, null],
  ["ResearcherStatus=", visaForm, null],
])("%j is read as %j says", (text, form, want) => {
  expect(listed(text, form)).toEqual(want);
});

test.each([
  ["aa.bb.cc\n", "aa.bb.cc"],
  ["aa.bb.cc dd.ee.ff", "aa.bb.cc dd.ee.ff"],
  ['{"ga4gh_passport_v1": ["aa.bb.cc", "dd.ee.ff"]}', "aa.bb.cc dd.ee.ff"],
  ['{"ga4gh_passport_v1": []}', null],
  ['{"ga4gh_passport_v1": [1]}', null],
  ['{"sub": "rosa"}', null],
  ["null", null],
  ["[]", null],
  ["", null],
  ["a letter", null],
])("the passport in %j is %j", (file, want) => {
  expect(passportOf(file)).toBe(want);
});
