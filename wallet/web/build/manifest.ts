/**
 * What the build adds to Vite's: the service worker's list of files, Subresource Integrity for what the shell loads, and
 * build.json, which names every file with its SHA-256, so that anybody can build again and compare.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import type { Plugin } from "vite";

const SHELL = "index.html";
const WORKER = "sw.js";
const BUILD = "build.json";

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? walk(path) : [path];
    })
    .sort();
}

function digest(algorithm: string, data: Uint8Array | string, form: "hex" | "base64"): string {
  return createHash(algorithm).update(data).digest(form);
}

/** withIntegrity adds integrity to every script and style that the shell loads from the build. */
export function withIntegrity(html: string, read: (path: string) => Uint8Array): string {
  return html.replace(/<(script|link)\b[^>]*\b(?:src|href)="(\/assets\/[^"]+\.(?:js|css))"[^>]*>/g, (tag, _name, path: string) => {
    const integrity = `sha384-${digest("sha384", read(path), "base64")}`;
    return tag.replace(/\s*\/?>$/, ` integrity="${integrity}">`);
  });
}

/** overall is the hash of a build: SHA-256 over lines "<sha256 of the file>  <path>" in order of path. */
export function overall(files: Record<string, string>): string {
  const lines = Object.keys(files)
    .sort()
    .map((path) => `${files[path]}  ${path}\n`);
  return digest("sha256", lines.join(""), "hex");
}

function hashes(out: string, without: readonly string[]): Record<string, string> {
  const files: Record<string, string> = {};
  for (const path of walk(out)) {
    const name = relative(out, path).replaceAll("\\", "/");
    if (!without.includes(name)) {
      files[name] = digest("sha256", readFileSync(path), "hex");
    }
  }
  return files;
}

/** finish does it once everything is on disk. */
export function finish(out: string): Plugin {
  return {
    name: "volens-build",
    apply: "build",
    enforce: "post",
    closeBundle() {
      const shell = join(out, SHELL);
      writeFileSync(shell, withIntegrity(readFileSync(shell, "utf8"), (path) => readFileSync(join(out, path))));
      const kept = hashes(out, [WORKER, BUILD]);
      const paths = ["/", ...Object.keys(kept).filter((name) => name !== SHELL).map((name) => `/${name}`)];
      const worker = join(out, WORKER);
      const text = readFileSync(worker, "utf8")
        .replaceAll("__VERSION__", JSON.stringify(overall(kept).slice(0, 16)))
        .replaceAll("__FILES__", JSON.stringify(paths));
      writeFileSync(worker, text);
      const files = hashes(out, [BUILD]);
      writeFileSync(join(out, BUILD), `${JSON.stringify({ hash: overall(files), files }, null, 1)}\n`);
      this.info(`build ${overall(files)}`);
    },
  };
}
