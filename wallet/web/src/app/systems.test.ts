import { describe, expect, test } from "vitest";

import type { ConsentEntry } from "../api/wire.ts";
import { inForce, narrowed, plainOf, termsOf } from "./systems";

const given = termsOf({ members: ["rosa-institute"], purposes: ["HRESCH"], types: [], keepPrivate: false, from: 1_000, until: 9_000, locale: "en" });

describe("plainOf", () => {
  test("reads back what the guided form wrote, and that it is all of it", () => {
    expect(plainOf(given)).toMatchObject({ permits: true, members: ["rosa-institute"], purposes: ["HRESCH"], types: [], except: [], until: 9_000, whole: true });
  });

  test("does not claim to be whole when there is more", () => {
    const [root] = given.provisions;
    if (root === undefined) throw new Error("no root");
    expect(plainOf({ ...given, maxUses: "3" }).whole).toBe(false);
    expect(plainOf({ ...given, provisions: [{ ...root, roles: [{ system: "s", code: "c" }] }] }).whole).toBe(false);
    expect(plainOf({ ...given, provisions: [root, { ...root, parent: "0" }] }).whole).toBe(false);
  });

  test("a consent without rules permits nothing", () => {
    expect(plainOf({ ...given, provisions: [] }).permits).toBe(false);
  });
});

test("narrowed keeps who and what for, and closes the rest", () => {
  const less = narrowed(given, { types: ["Observation"], keepPrivate: true, until: 5_000, now: 2_000, locale: "ar" });
  expect(plainOf(less)).toMatchObject({ members: ["rosa-institute"], purposes: ["HRESCH"], types: ["Observation"], except: ["R"], until: 5_000, from: 1_000 });
  expect(narrowed(less, { types: null, keepPrivate: true, until: 5_000, now: 2_000, locale: "ar" }).provisions).toHaveLength(2);
});

test.each([
  [{}, 2_000, "active"],
  [{}, 999, "future"],
  [{}, 9_000, "expired"],
  [{ status: "revoked" }, 2_000, "revoked"],
  [{ status: "replaced" }, 2_000, "replaced"],
  [{ kind: "ConsentDecline" }, 2_000, "declined"],
] as const)("%o at %i is %s", (part, now, want) => {
  expect(inForce({ kind: "ConsentGrant", status: "live", consent: given, ...part } as ConsentEntry, now)).toBe(want);
});
