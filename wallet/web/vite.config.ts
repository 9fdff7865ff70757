import { resolve } from "node:path";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

import { finish } from "./build/manifest.ts";

const out = resolve(import.meta.dirname, process.env["OUT"] ?? "embedded/dist");

export default defineConfig({
  plugins: [react(), finish(out)],
  base: "/",
  build: {
    outDir: out,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rolldownOptions: {
      input: { index: "index.html", sw: "src/sw/sw.ts" },
      output: { entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
  worker: { format: "es" },
  css: { preprocessorOptions: { scss: { quietDeps: true } } },
  test: {
    environment: "node",
    include: ["src/**/*.test.{ts,tsx}", "build/**/*.test.ts"],
    testTimeout: 20_000,
  },
});
