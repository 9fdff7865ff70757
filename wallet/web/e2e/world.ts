import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Who there is in the demo's world: the JSON that `volens demo --json` writes. */
export interface World {
  server: string;
  visitor: string;
  alice: { wallet: string; password: string };
  members: Record<"rosa" | "bob" | "aurel" | "city", { member: string; key: string; subject?: string }>;
}

/** The program that is tested. */
export const binary = process.env["VOLENS"] ?? resolve(import.meta.dirname, "../../../bin/volens");

/** The world of this run. */
export const world = (): World => JSON.parse(readFileSync(process.env["VOLENS_WORLD"] ?? "", "utf8")) as World;

/** A running binary, and what it said at its start. */
export interface Running {
  said: string;
  stop: () => Promise<void>;
}

/** Starts the real binary on the embedded ledger, with a world in a folder: a new one, or the one that is there. */
export async function launch(dir: string, listen = "127.0.0.1:0", ...more: string[]): Promise<Running> {
  const issuer = resolve(import.meta.dirname, "../../document/testdata/smart-health-cards/issuer-jwks.json"); // of the specification's examples
  const child = spawn(binary, ["demo", "--json", "--listen", listen, "--recovery-delay", "1s", "--trust", issuer, "--dir", dir, ...more], { stdio: ["ignore", "pipe", "inherit"] });
  const said = await firstLine(child);
  const stop = async (): Promise<void> => {
    const gone = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    await gone;
  };
  return { said, stop };
}

/** Starts the world of the run, in a folder and at a port of its own. */
export default async function start(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "volens-e2e-"));
  const { said, stop } = await launch(join(folder, "world"));
  process.env["VOLENS_WORLD"] = join(folder, "world.json");
  writeFileSync(process.env["VOLENS_WORLD"], said);
  return async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  };
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((done, failed) => {
    let text = "";
    child.stdout?.on("data", (b: Buffer) => {
      text += b.toString();
      const end = text.indexOf("\n");
      if (end >= 0) done(text.slice(0, end));
    });
    child.once("error", failed);
    child.once("exit", (code) => failed(new Error(`volens demo ended with ${String(code)}`)));
  });
}
