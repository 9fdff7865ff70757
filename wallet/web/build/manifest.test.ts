import { createHash } from "node:crypto";

import { describe, expect, it } from "vitest";

import { overall, withIntegrity } from "./manifest.ts";

describe("the build", () => {
  it("adds integrity to each script and style of its own, and to nothing else", () => {
    const html = withIntegrity(
      '<script type="module" crossorigin src="/assets/a.js"></script><link rel="stylesheet" href="/assets/b.css" /><link rel="icon" href="/icon.svg" />',
      (path) => new TextEncoder().encode(path),
    );
    const of = (path: string) => `integrity="sha384-${createHash("sha384").update(path).digest("base64")}"`;
    expect(html).toBe(
      `<script type="module" crossorigin src="/assets/a.js" ${of("/assets/a.js")}></script><link rel="stylesheet" href="/assets/b.css" ${of("/assets/b.css")}><link rel="icon" href="/icon.svg" />`,
    );
  });
  it("is named by its files, whatever their order", () => {
    const hash = createHash("sha256").update("1  a\n2  b\n").digest("hex");
    expect(overall({ b: "2", a: "1" })).toBe(hash);
    expect(overall({ a: "1", b: "2" })).toBe(hash);
    expect(overall({ a: "1", b: "3" })).not.toBe(hash);
  });
});
