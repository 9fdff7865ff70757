import { defineConfig } from "@playwright/test";

/** One worker and one story: the world is one ledger, and what one person does another sees. */
export default defineConfig({
  testDir: ".",
  outputDir: "artefacts/failures",
  globalSetup: "./world.ts",
  workers: 1,
  fullyParallel: false,
  timeout: 180_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    actionTimeout: 20_000,
    browserName: "chromium",
    locale: "en-GB",
    timezoneId: "Europe/Madrid",
    launchOptions: { executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] },
  },
});
