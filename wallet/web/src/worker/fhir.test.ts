import { describe, expect, it } from "vitest";

import { consentsIn, importConsents, releaseOf } from "./fhir.ts";

const r4 = { resourceType: "Consent", status: "active", scope: {}, patient: {}, provision: { type: "permit" } };
const r5 = { resourceType: "Consent", status: "active", subject: {}, decision: "permit", provision: [{}] };

describe("a file of consents", () => {
  it("is one, a list, a Bundle, or one a line", () => {
    const bundle = { resourceType: "Bundle", entry: [{ resource: r4 }, { resource: { resourceType: "Patient" } }, { resource: r5 }] };
    expect(consentsIn(JSON.stringify(r4))).toEqual([r4]);
    expect(consentsIn(JSON.stringify([r4, r5]))).toEqual([r4, r5]);
    expect(consentsIn(JSON.stringify(bundle, null, 2))).toEqual([r4, r5]);
    expect(consentsIn(`${JSON.stringify(r4)}\n\n${JSON.stringify(r5)}\n`)).toEqual([r4, r5]);
    for (const none of ["", "nonsense", "{}", "null", "[null]", '{"resourceType":"Patient"}']) {
      expect(() => consentsIn(none)).toThrow(expect.objectContaining({ code: "malformed" }) as Error);
    }
    expect([r4, r5].map(releaseOf)).toEqual(["R4", "R5"]);
  });

  it("goes to the interface of its release, and each answer is counted", async () => {
    const sent: string[] = [];
    const answers: Record<string, unknown[]> = {
      "/fhir/R4": [
        { response: { status: "201", outcome: { issue: [{ severity: "warning" }] } } },
        { response: { status: "422", outcome: { issue: [{ severity: "error", diagnostics: "no such patient" }] } } },
      ],
      "/fhir/R5": [{ response: { status: "200" } }],
    };
    const sum = await importConsents(JSON.stringify([r4, r5, r4]), (path, body) => {
      sent.push(`${path} ${(body as { entry: unknown[] }).entry.length}`);
      return Promise.resolve({ entry: answers[path] });
    });
    expect(sent).toEqual(["/fhir/R4 2", "/fhir/R5 1"]);
    expect(sum).toEqual({ entered: 1, there: 1, refused: [{ n: 3, why: "no such patient" }], partly: 1 });
    await expect(importConsents(JSON.stringify(r4), () => Promise.resolve({ entry: [] }))).rejects.toThrow(expect.objectContaining({ code: "internal" }) as Error);
  });
});
