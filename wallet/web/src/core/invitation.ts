/** What a custodian hands to a patient: where to go, which handle, the one-time code, and what to pin. See wallet.Invitation in Go. */
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "./bytes.ts";
import { malformed } from "./error.ts";
import { shaped } from "./message.ts";
import { parseStrict } from "./json.ts";
import type { Handle, Hash, Uint64, Value } from "./types.ts";

const PREFIX = "volens1:";
const MAX = 4096;

export interface Invitation {
  server: string;
  handle: Handle;
  /** Absent in a reminder of a handle that is claimed already. */
  code?: string;
  seq: Uint64;
  prev: Hash;
  ledger: Hash;
  genesis: Hash;
  key: string;
  usesKey: string;
}

const MEMBERS = ["server", "handle", "code", "seq", "prev", "ledger", "genesis", "key", "usesKey"] as const;
const FORMS: Readonly<Record<(typeof MEMBERS)[number], string>> = {
  server: "string", handle: "bytes16", code: "string", seq: "uint64", prev: "bytes32", ledger: "bytes32", genesis: "bytes32", key: "string", usesKey: "string",
};

// As Go's encoding/json writes texts.
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** formatInvitation writes the text. */
export function formatInvitation(v: Invitation): string {
  const parts = MEMBERS.filter((name) => name !== "code" || (v.code ?? "") !== "").map((name) => `"${name}":${quoted(v[name] ?? "")}`);
  const text = PREFIX + toBase64Url(utf8(`{${parts.join(",")}}`));
  return text.length > MAX ? malformed("an invitation is longer than 4096 bytes") : text;
}

/** parseInvitation reads the text; there is one spelling of each. Space around it, as pasting leaves it, does not count. */
export function parseInvitation(pasted: string): Invitation {
  const text = pasted.trim();
  if (!text.startsWith(PREFIX) || text.length > MAX) {
    malformed("not an invitation");
  }
  const fields = parseStrict(fromUtf8(fromBase64Url(text.slice(PREFIX.length)))) as Record<string, Value>;
  const names = Object.keys(fields);
  if (names.some((n) => !(MEMBERS as readonly string[]).includes(n)) || MEMBERS.some((n) => n !== "code" && !names.includes(n))) {
    malformed("something is missing in the invitation, or there is too much");
  }
  for (const name of MEMBERS) {
    if (fields[name] !== undefined) {
      shaped(FORMS[name], fields[name]);
    }
  }
  const v = { ...fields } as unknown as Invitation;
  const empty = [v.server, v.key, v.usesKey].includes("") || [v.handle, v.ledger, v.genesis].some((h) => /^0*$/.test(h));
  if (empty || formatInvitation(v) !== text) {
    malformed("the invitation has another spelling, or is empty");
  }
  return v;
}
