import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { createInstance } from "i18next";
import { describe, expect, test } from "vitest";

import { sayFor } from "../app/say";
import { termsOf } from "../app/systems";
import { ar } from "./ar";
import { en } from "./en";
import { es } from "./es";
import { formatFor } from "./format";
import { hi } from "./hi";

type Tree = { [key: string]: string | Tree };

const flat = (tree: Tree, path = ""): [string, string][] =>
  Object.entries(tree).flatMap(([k, v]) => (typeof v === "string" ? [[path + k, v] as [string, string]] : flat(v, `${path}${k}.`)));

const plural = /_(zero|one|two|few|many|other)$/;
const bases = (tree: Tree) => [...new Set(flat(tree).map(([k]) => k.replace(plural, "")))].sort();
const others = { es, hi, ar } as Record<string, Tree>;
const english = new Map(flat(en));

describe.each(Object.entries(others))("%s", (tag, tree) => {
  const own = new Map(flat(tree));

  test("has every key of English and no other", () => {
    expect(bases(tree)).toEqual(bases(en));
  });

  test("has every plural form of its language", () => {
    const forms = new Intl.PluralRules(tag).resolvedOptions().pluralCategories;
    for (const key of english.keys()) {
      if (!key.endsWith("_other")) continue;
      for (const form of forms) expect(own.has(key.replace(/_other$/, `_${form}`)), `${key} ${form}`).toBe(true);
    }
  });

  test("keeps every placeholder, and no text is empty or left in English", () => {
    const same: string[] = [];
    for (const [key, text] of own) {
      const source = english.get(key) ?? english.get(key.replace(plural, "_other")) ?? "";
      const holes = (s: string) => [...new Set(s.match(/\{\{[^}]*\}\}/g) ?? [])].sort();
      expect(text.trim()).not.toBe("");
      // A form for one, two or none may say the number in words.
      if (plural.test(key)) expect(holes(source)).toEqual(expect.arrayContaining(holes(text)));
      else expect(holes(text), key).toEqual(holes(source));
      if (text === source && /[a-z]{4}/.test(text.replace(/\{\{[^}]*\}\}/g, ""))) same.push(text);
    }
    expect(same.filter((s) => !["Volens", "Hospital", "Error", "No"].includes(s))).toEqual([]);
  });
});

const walk = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? walk(join(dir, e.name)) : [join(dir, e.name)]));

test("every key that the pages name is there", () => {
  const root = join(import.meta.dirname, "..");
  const source = ["app", "views"].flatMap((d) => walk(join(root, d))).filter((f) => f.endsWith(".tsx") || f.endsWith(".ts")).map((f) => readFileSync(f, "utf8")).join("\n");
  const have = new Set(bases(en));
  const named = [...source.matchAll(/\bt\(\s*(?:[^"'`()]*\?\s*)?["']([a-zA-Z]+(?:\.[a-zA-Z_-]+)+)["']/g)].map((m) => m[1] ?? "");
  expect(named.length).toBeGreaterThan(200);
  expect(named.filter((k) => !have.has(k))).toEqual([]);
});

/** Vowel groups, without a silent e: near enough for a grade. */
const syllables = (word: string): number => Math.max(1, (word.toLowerCase().replace(/e$|es$|ed$/, "").match(/[aeiouy]+/g) ?? []).length);

/** Flesch-Kincaid grade: years of school. */
function grade(text: string): number {
  const sentences = text.split(/[.!?:]+\s|[.!?:]+$/).filter((s) => /[a-z]/i.test(s)).length;
  const words = text.match(/[a-z’']+/gi) ?? [];
  const sum = words.reduce((n, w) => n + syllables(w), 0);
  return (0.39 * words.length) / sentences + (11.8 * sum) / words.length - 15.59;
}

test("the English of the patient's pages is that of a child of ten", () => {
  const { desk: _, field: __, ...patient } = en;
  const prose = flat(patient).map(([, v]) => v.replace(/\{\{[^}]*\}\}/g, "it")).filter((v) => v.split(" ").length > 3);
  expect(prose.length).toBeGreaterThan(150);
  expect(grade(prose.map((s) => (/[.!?]$/.test(s) ? s : `${s}.`)).join(" "))).toBeLessThan(5);
  const hard = prose.filter((s) => s.split(" ").length > 9 && grade(s) > 12);
  expect(hard).toEqual([]);
});

test.each(["en", "es", "hi", "ar"])("a consent is said in whole sentences in %s", async (lng) => {
  const i18n = createInstance();
  await i18n.init({ lng, resources: { en: { translation: en }, es: { translation: es }, hi: { translation: hi }, ar: { translation: ar } }, interpolation: { escapeValue: false } });
  const consent = termsOf({ members: ["rosa-institute"], purposes: ["HRESCH"], types: ["Observation"], keepPrivate: true, from: 0, until: Date.UTC(2031, 0, 2), locale: lng });
  const words = sayFor(i18n.t, formatFor(lng)).words(consent, (id) => (id === "rosa-institute" ? "Rosa’s Institute" : "?"), { custodianName: "City Hospital" });
  expect(words.split("\n")).toHaveLength(6);
  expect(words).toContain("Rosa’s Institute");
  expect(words).not.toMatch(/\{\{|undefined|purpose\.[A-Z]|data\.[A-Z]/);
});
