import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, type Page } from "@playwright/test";

/** Every path that the router knows, so that a page that is added is looked at, too. Parameters are filled in. */
export function routes(fill: Record<string, string>): string[] {
  const source = readFileSync(join(import.meta.dirname, "../src/app/Pages.tsx"), "utf8");
  const paths = [...source.matchAll(/<Route[^>]*\bpath=["{]+["'`]?(\/[^"'`}]*)/g)].map((m) => m[1] ?? "");
  expect(paths.length).toBeGreaterThan(15);
  return [...new Set(paths.map((p) => p.replace("/*?", "").replace(/:([a-z]+)/g, (_, name: string) => fill[name] ?? "1")))];
}

const consoles = ["/requests", "/audit", "/custodian"];

export const isConsole = (path: string): boolean => consoles.includes(path);

/** Goes to a page of the app without loading it anew. */
export async function visit(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState(null, "", to);
  }, path);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.locator(".v-wait")).toHaveCount(0);
}

/** What sticks out of the page or is cut off in it. Only what is meant to scroll by itself may. */
const misfits = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const out: string[] = [];
    const name = (e: HTMLElement) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`;
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) out.push(`the page is ${root.scrollWidth} wide in ${root.clientWidth}`);
    for (const e of document.querySelectorAll<HTMLElement>("header *, nav *, main *, footer *")) {
      if (e.closest(".v-scroll, .nhsuk-u-visually-hidden, .nhsuk-skip-link, select, svg") !== null || e.matches("input[type=radio], input[type=checkbox]")) continue;
      const style = getComputedStyle(e);
      if (style.overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1) out.push(`cut off: ${name(e)}`);
      const box = e.getBoundingClientRect();
      if (box.width > 0 && (box.right > root.clientWidth + 1 || box.left < -1)) out.push(`outside: ${name(e)}`);
    }
    return out;
  });

/** The page fits a narrow phone, a window at 200 %, and text at 200 %. */
export async function fits(page: Page): Promise<void> {
  const path = new URL(page.url()).pathname;
  const before = page.viewportSize() ?? { width: 1000, height: 800 };
  for (const [what, width, text] of [["320 pixels", 320, ""], ["1280 pixels at 200 %", 640, ""], ["text at 200 %", 1000, "200%"]] as const) {
    await page.setViewportSize({ width, height: 800 });
    await page.evaluate((size) => {
      document.documentElement.style.fontSize = size;
    }, text);
    expect(await misfits(page), `${path}, ${what}`).toEqual([]);
  }
  await page.evaluate(() => {
    document.documentElement.style.fontSize = "";
  });
  await page.setViewportSize(before);
}
