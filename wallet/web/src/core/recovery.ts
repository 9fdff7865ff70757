/** The file that goes round when a key is lost; the twin of wallet.Recovery in Go. It is confidential: it names guardians' keys. */
import { Refused } from "./error.ts";
import { type Invitation, parseInvitation } from "./invitation.ts";
import { parseStrict } from "./json.ts";
import { commitment, digest, messageOf, shaped } from "./message.ts";
import { recover } from "./key.ts";
import type { Address, Body, Guardians, Hash, Signature } from "./types.ts";

const MAX = 65_536;

/** With begin absent, what guardians keep from the day they are named; the new wallet fills it in, and each guardian signs it. */
export interface RecoveryFile {
  invitation: string;
  guardians: Guardians;
  begin?: Body;
  signatures?: Signature[];
}

function no(why: string): never {
  throw new Refused("malformed", why);
}

/** formatRecovery writes the file as Go does. */
export function formatRecovery(r: RecoveryFile): string {
  return `${JSON.stringify(r, null, 2)}\n`;
}

/** parseRecovery reads it, with what its invitation says. It refuses what is of two handles, or names a code. */
export function parseRecovery(text: string): { file: RecoveryFile; place: Invitation } {
  if (text.length > MAX) {
    no("the file is too long");
  }
  const top = parseStrict(text.trim());
  if (typeof top !== "object" || Array.isArray(top) || Object.keys(top).some((k) => !["invitation", "guardians", "begin", "signatures"].includes(k))) {
    return no("not a recovery file");
  }
  const invitation = top["invitation"];
  if (typeof invitation !== "string") {
    return no("there is no place in the file");
  }
  const place = parseInvitation(invitation);
  const guardians = shaped("Guardians", top["guardians"]) as unknown as Guardians;
  const file: RecoveryFile = { invitation, guardians };
  if (top["begin"] !== undefined) {
    const m = messageOf({ type: "RecoveryBegin", body: top["begin"], openings: {}, sigs: top["signatures"] ?? [] });
    file.begin = m.body;
    if (m.sigs.length > 0) {
      file.signatures = m.sigs;
    }
  }
  const count = guardians.addresses.length;
  if (place.code !== undefined || (file.begin !== undefined && file.begin["handle"] !== place.handle)) {
    no("the file is of two records, or has a code");
  }
  if (count === 0 || count > 16 || new Set(guardians.addresses).size !== count || BigInt(guardians.threshold) < 1n || BigInt(guardians.threshold) > BigInt(count)) {
    no("the guardians do not go together");
  }
  return { file, place };
}

/** signersOf are the guardians whose signatures are on the file; a signature of anybody else counts for nothing. */
export function signersOf(ledger: Hash, r: RecoveryFile): Map<Address, Signature> {
  const out = new Map<Address, Signature>();
  if (r.begin === undefined) {
    return out;
  }
  const d = digest(ledger, "RecoveryBegin", r.begin);
  for (const s of r.signatures ?? []) {
    const who = recover(d, s);
    if (r.guardians.addresses.includes(who)) {
      out.set(who, s);
    }
  }
  return out;
}

/** sameRecovery says whether two files are about one new key. */
export function sameRecovery(a: RecoveryFile, b: RecoveryFile): boolean {
  return a.begin !== undefined && b.begin !== undefined && a.invitation === b.invitation && commitment("RecoveryBegin", a.begin) === commitment("RecoveryBegin", b.begin);
}
