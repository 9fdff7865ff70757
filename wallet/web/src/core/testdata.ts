/** Reads the vectors that Go reads too, from their place in the repository. Tests only. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../../../..");

/** vectors reads a JSON file of the repository. */
export function vectors<T>(path: string): T {
  return JSON.parse(readFileSync(resolve(ROOT, path), "utf8")) as T;
}
