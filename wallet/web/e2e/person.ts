import { join } from "node:path";

import AxeBuilder from "@axe-core/playwright";
import { expect, type Browser, type BrowserContext, type Page } from "@playwright/test";

import { folder } from "./desk.ts";
import { world } from "./world.ts";

/** Person is somebody at a device: a browser of her own, watched for what must never happen in it. */
export class Person {
  readonly faults: string[] = [];
  shots = 0;

  private constructor(
    readonly name: string,
    readonly context: BrowserContext,
    readonly page: Page,
  ) {}

  static async arrive(browser: Browser, name: string): Promise<Person> {
    const { server } = world();
    const context = await browser.newContext({ baseURL: server, viewport: { width: 1000, height: 800 } });
    const page = await context.newPage();
    const p = new Person(name, context, page);
    context.on("request", (r) => {
      const url = r.url();
      if (!url.startsWith(server) && !/^(data|blob):/.test(url)) p.faults.push(`request to ${url}`);
    });
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (e) => console.error(`CSP ${e.violatedDirective} ${e.blockedURI}`));
    });
    page.on("console", (m) => {
      if (/CSP|Content Security Policy|Trusted/.test(m.text())) p.faults.push(m.text());
    });
    page.on("pageerror", (e) => p.faults.push(`error in the page: ${e.message}`));
    return p;
  }

  async open(path: string): Promise<void> {
    await this.page.goto(path);
  }

  /** go follows a link of the menu; the page's heading must come. */
  async go(link: string, heading: string | RegExp = link): Promise<void> {
    await this.page.getByRole("navigation").getByRole("link", { name: link, exact: true }).click();
    await this.heading(heading);
  }

  async heading(text: string | RegExp): Promise<void> {
    await expect(this.page.getByRole("heading", { level: 1, name: text })).toBeVisible();
  }

  async press(name: string | RegExp): Promise<void> {
    await this.page.getByRole("button", { name }).first().click();
  }

  /** reach moves on with Tab until the thing that has this name is reached. */
  async reach(name: string | RegExp): Promise<void> {
    const wanted = typeof name === "string" ? new RegExp(`^${name}`) : name;
    for (let i = 0; i < 150; i++) {
      await this.page.keyboard.press("Tab");
      const at = await this.page.evaluate(() => {
        const e = document.activeElement as (HTMLElement & { labels?: NodeListOf<HTMLLabelElement> }) | null;
        return (e?.labels?.[0]?.textContent ?? e?.textContent ?? "").trim();
      });
      if (wanted.test(at)) return;
    }
    throw new Error(`${String(name)} is not reached by keyboard`);
  }

  /** look checks the page with axe and keeps a picture of it. */
  async look(name: string): Promise<void> {
    await expect(this.page.locator(".v-wait")).toHaveCount(0);
    const { violations } = await new AxeBuilder({ page: this.page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
    await this.page.screenshot({ path: `${import.meta.dirname}/artefacts/${name}.png`, fullPage: true });
    for (const v of violations) this.faults.push(`${name}: ${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
  }

  /** looks looks at a page at a desk and at a phone, in English and in Arabic. */
  async looks(name: string): Promise<void> {
    const { page } = this;
    await this.look(name);
    await page.setViewportSize({ width: 360, height: 740 });
    await page.screenshot({ path: `${import.meta.dirname}/artefacts/${name}-phone.png`, fullPage: true });
    await page.locator("#language").selectOption("ar");
    await expect(page.locator("html")).toHaveAttribute("dir", "rtl");
    await this.look(`${name}-phone-ar`);
    await page.setViewportSize({ width: 320, height: 640 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width, `${name} at 320 pixels`).toBeLessThanOrEqual(320);
    await page.locator("#language").selectOption("en");
    await page.setViewportSize({ width: 1000, height: 800 });
  }

  /** saved presses a button that saves a file, and returns where it is. */
  async saved(button: string | RegExp, name: string): Promise<string> {
    const download = this.page.waitForEvent("download");
    await this.press(button);
    const path = join(folder, name);
    await (await download).saveAs(path);
    return path;
  }

  /** leave demands that nothing forbidden has happened: no policy violation, no other origin, no error, no barrier. */
  async leave(): Promise<void> {
    expect(this.faults).toEqual([]);
    await this.context.close();
  }
}
