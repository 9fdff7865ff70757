import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { binary, world } from "./world.ts";

/** Files that people saved. */
export const folder = mkdtempSync(join(tmpdir(), "volens-e2e-files-"));

/** Runs the binary's own command line. */
export const volens = (...args: string[]): string => execFileSync(binary, args, { encoding: "utf8" });

/** Runs it as the hospital and reads its JSON. */
export function hospital(...args: string[]): Record<string, string> {
  const { member, key } = world().members.city;
  return JSON.parse(volens(...args, "--json", "--server", world().server, "--member", member, "--key", key)) as Record<string, string>;
}

/** The invitation for a record that the hospital opens. */
export const invite = (record: string): string => hospital("custodian", "open", "--local-id", record)["invitation"] ?? "";

/** The name under which a member knows the patient of a record. */
export const pseudonym = (record: string, member: string): string => hospital("custodian", "pseudonym", "--local-id", record, "--for", member)["pseudonym"] ?? "";
