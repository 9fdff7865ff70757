/** Making a handle the wallet's: by an invitation, by a reminder after an import, or by a delegation. */
import { fail, isVolensError } from "../api/error.ts";
import type { InvitationInfo } from "../api/volens.ts";
import type { LedgerInfo, Me } from "../api/wire.ts";
import { formatInvitation, type Invitation, parseInvitation } from "../core/invitation.ts";
import { type Head, headIn } from "../core/leaf.ts";
import { commitment, messageOf } from "../core/message.ts";
import { NOTHING_SEEN } from "../core/statement.ts";
import type { Delegate, Hash, Message, Openings, Receipt, Value } from "../core/types.ts";
import type { Subject } from "../keys/book.ts";
import { type Context, receiptOf, trusted } from "./context.ts";

const GENERATIONS = 4;
const MAX_FILE = 65_536;

/** Where a handle is and what to pin of it. */
export interface Place {
  invitation: Invitation;
  info: LedgerInfo;
}

/** readInvitation says what an invitation says. */
export function readInvitation(cx: Context, text: string): InvitationInfo {
  const v = trusted("invitation", () => parseInvitation(text));
  return { server: v.server, handle: v.handle, ledger: v.ledger, hasCode: v.code !== undefined, here: sameOrigin(v.server, cx.http.origin) };
}

function sameOrigin(url: string, origin: string): boolean {
  try {
    return new URL(url).origin === origin;
  } catch {
    return false;
  }
}

/** pin compares what the gateway shows with the invitation, and pins the ledger. */
export async function pin(cx: Context, text: string): Promise<Place> {
  const invitation = trusted("invitation", () => parseInvitation(text));
  if (!sameOrigin(invitation.server, cx.http.origin)) {
    fail("other-gateway", invitation.server);
  }
  const info = await cx.ledgerInfo();
  const genesis = trusted("pinned", () => messageOf(info.genesis as unknown as Value));
  const shown = [info.id, commitment("Init", genesis.body), info.key, info.usesKey];
  const wanted = [invitation.ledger, invitation.genesis, invitation.key, invitation.usesKey];
  if (genesis.type !== "Init" || shown.some((s, i) => s !== wanted[i])) {
    fail("pinned", "the gateway shows another ledger than the invitation names");
  }
  const { ledgers } = cx.safe.content();
  const old = ledgers.find((l) => l.id === invitation.ledger);
  if (old === undefined) {
    ledgers.push({ id: invitation.ledger, genesis: invitation.genesis, name: info.name, key: invitation.key });
  } else if (old.genesis !== invitation.genesis || old.key !== invitation.key) {
    fail("pinned", "the ledger is pinned with another genesis or key");
  }
  return { invitation, info };
}

/** newSubject is the record of a handle that is not known yet. */
export function newSubject(cx: Context, { invitation, info }: Place, label: string): Subject {
  return {
    handle: invitation.handle, label, ledger: invitation.ledger, custodian: info.custodian, custodianName: info.custodian, gateway: cx.http.origin,
    generation: 0, seq: invitation.seq, prev: invitation.prev, usesKey: invitation.usesKey, usesOrigin: info.usesOrigin, slot: "0", seen: { ...NOTHING_SEEN },
    seenNote: "", records: [],
  };
}

/** settle writes what a proved head says into a subject's record, with the custodian's verified name. */
export async function settle(cx: Context, s: Subject, head: Head): Promise<void> {
  if (s.seen.size !== "0" && s.slot !== head.slot) {
    fail("pinned", "the ledger gives another slot than before");
  }
  s.custodian = head.custodian;
  s.slot = head.slot;
  const roster = await cx.roster(cx.pinned(s.ledger));
  s.custodianName = roster.member(head.custodian)?.name ?? head.custodian;
  if (s.label === "") {
    s.label = s.custodianName;
  }
}

/** headOf is the head of a handle that a receipt proves. */
export function headOf(cx: Context, s: { handle: string; ledger: Hash }, message: Message | undefined, receipt: Receipt): Head {
  return headIn(cx.prove(s.ledger, message, receipt), s.handle) ?? fail("receipt", "the receipt is of another handle");
}

/** adopt brings a handle of an imported phrase back: the newest message's receipt proves its head. */
export async function adopt(cx: Context, text: string, label: string): Promise<Subject> {
  const place = await pin(cx, text);
  const { subjects } = cx.safe.content();
  const known = subjects.find((x) => x.handle === place.invitation.handle);
  if (known?.delegation !== undefined) {
    fail("subject", "this wallet acts for the handle as a delegate");
  }
  const s = known ?? newSubject(cx, place, label);
  const me = await signInAnyGeneration(cx, s);
  const receipt = receiptOf(await cx.as(s, "/v1/receipts", { commitment: me.prev }));
  const head = headOf(cx, s, undefined, receipt);
  s.generation = cx.safe.keys().findGeneration(s.handle, head.keyCommit) ?? fail("subject", "the registered key is not of this wallet");
  s.seq = head.seq;
  s.prev = me.prev;
  await settle(cx, s, head);
  if (known === undefined) {
    subjects.push(s);
  }
  await cx.safe.save();
  return s;
}

async function signInAnyGeneration(cx: Context, s: Subject): Promise<Me> {
  for (;;) {
    try {
      return await cx.as<Me>(s, "/v1/me");
    } catch (error) {
      if (!isVolensError(error) || error.code !== "unauthorized" || s.generation + 1 >= GENERATIONS) {
        throw error;
      }
      s.generation++;
    }
  }
}

/** reminder is the invitation without a code that brings a handle back. */
export function reminder(cx: Context, s: Subject): string {
  const ledger = cx.pinned(s.ledger);
  return formatInvitation({
    server: s.gateway, handle: s.handle, seq: s.seq, prev: s.prev, ledger: ledger.id, genesis: ledger.genesis, key: ledger.key, usesKey: s.usesKey,
  });
}

interface DelegationFile {
  invitation: string;
  delegation: Delegate;
  receipt: Receipt;
}

/** delegationFile is what a delegate needs to act: where, what to pin, the opened delegation, and its proof. */
export async function delegationFile(cx: Context, s: Subject, seq: string): Promise<string> {
  const kept = s.records.find((r) => r.message.type === "Delegate" && r.message.body["seq"] === seq);
  if (kept === undefined) {
    return fail("not-found", "this device did not sign that delegation");
  }
  const receipt = kept.receipt ?? receiptOf(await cx.as(s, "/v1/receipts", { commitment: kept.commitment }));
  // As Go reads it: there the position is a number.
  const file = { invitation: reminder(cx, s), delegation: kept.message.body, receipt: { ...receipt, position: Number(receipt.position) } };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** takeDelegation enters a delegation to this wallet, which the receipt must prove on the pinned ledger. */
export async function takeDelegation(cx: Context, text: string, label: string): Promise<Subject> {
  const file = parseFile(text);
  const place = await pin(cx, file.invitation);
  const { handle } = place.invitation;
  const message = trusted("invitation", () =>
    messageOf({ type: "Delegate", body: file.delegation as unknown as Value, openings: {} as Openings as Value, sigs: [] }),
  );
  const body = message.body as unknown as Delegate;
  if (place.invitation.code !== undefined || body.handle !== handle) {
    fail("invitation", "the delegation is of another handle");
  }
  if (body.delegate !== cx.safe.keys().address(handle, 0)) {
    fail("invitation", "the delegation names another key than this wallet's");
  }
  const head = headOf(cx, { handle, ledger: place.invitation.ledger }, message, receiptOf(file.receipt));
  const { subjects } = cx.safe.content();
  const known = subjects.find((x) => x.handle === handle);
  if (known !== undefined && (known.delegation === undefined || BigInt(known.delegation.seq) > BigInt(body.seq))) {
    fail("subject", "the handle is your own, or the wallet has a newer delegation");
  }
  const s = known ?? newSubject(cx, place, label);
  s.delegation = body;
  if (known === undefined || BigInt(head.seq) > BigInt(s.seq)) {
    s.seq = head.seq;
    s.prev = head.prev;
  }
  await settle(cx, s, head);
  if (known === undefined) {
    subjects.push(s);
  }
  await cx.safe.save();
  return s;
}

function parseFile(text: string): DelegationFile {
  if (text.length > MAX_FILE) {
    fail("invitation", "the file is too long");
  }
  try {
    const file = JSON.parse(text) as DelegationFile;
    if (typeof file.invitation === "string" && typeof file.receipt.leaf === "string" && typeof file.receipt.checkpoint === "string") {
      return file;
    }
  } catch {
    // said below
  }
  return fail("invitation", "not a delegation file");
}
