/** Preferences of this device that say nothing about a person: the language, and whether notices are shown. Everything else
 * is kept encrypted by the worker. */
const prefix = "volens.";

export type Preference = "language" | "notices";

export function preference(name: Preference): string | null {
  try {
    // eslint-disable-next-line no-restricted-globals -- no secret, and it is needed before the wallet is open
    return localStorage.getItem(prefix + name);
  } catch {
    return null; // storage may be forbidden; then the preference lasts as long as the page
  }
}

export function prefer(name: Preference, value: string): void {
  try {
    // eslint-disable-next-line no-restricted-globals -- as above
    localStorage.setItem(prefix + name, value);
  } catch {
    // as above
  }
}
