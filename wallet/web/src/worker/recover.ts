/** Guardians: naming them is a draft like any other (drafts.ts). Here is what goes round as a file, for them and by them. */
import { fail } from "../api/error.ts";
import type { Helping, HelpedPerson, Recovery, RecoveryState } from "../api/volens.ts";
import { toHex } from "../core/bytes.ts";
import { parseInvitation } from "../core/invitation.ts";
import { headIn } from "../core/leaf.ts";
import { shaped } from "../core/message.ts";
import { formatRecovery, parseRecovery, sameRecovery, signersOf } from "../core/recovery.ts";
import type { Body, Handle, Hash, Message } from "../core/types.ts";
import type { Attempt, Subject } from "../keys/book.ts";
import { type Context, receiptOf, trusted } from "./context.ts";
import type { Link, Made } from "./drafts.ts";
import { newSubject, pin, readInvitation, reminder } from "./enrol.ts";

const read = (text: string) => trusted("recovery", () => parseRecovery(text));

/** guardiansFile is what each guardian keeps until it is needed. */
export function guardiansFile(cx: Context, s: Subject): string {
  const { set } = s.guardians ?? fail("not-found", "this device does not know the guardians");
  return formatRecovery({ invitation: reminder(cx, s), guardians: set });
}

/** helping makes the interface over a context. */
export function helping(cx: Context): Helping {
  const person = (handle: Handle, name: string): HelpedPerson => ({ handle, name, address: cx.safe.keys().address(handle, 0) });
  return {
    people: async () => cx.safe.content().helped.map((h) => person(h.handle, h.name)),
    async offer(handle, name) {
      trusted("recovery", () => shaped("bytes16", handle));
      const content = cx.safe.content();
      if (content.subjects.some((s) => s.handle === handle && s.delegation === undefined)) {
        fail("subject", "the record is the person's own");
      }
      content.helped = [...content.helped.filter((h) => h.handle !== handle), { handle, name }];
      await cx.safe.save();
      return person(handle, name);
    },
    async forget(handle) {
      const content = cx.safe.content();
      content.helped = content.helped.filter((h) => h.handle !== handle);
      await cx.safe.save();
    },
    async read(text) {
      const { file, place } = read(text);
      const { handle } = place;
      return {
        handle, server: place.server, here: readInvitation(cx, file.invitation).here, name: cx.safe.content().helped.find((h) => h.handle === handle)?.name ?? "",
        guardians: file.guardians.addresses.length, threshold: Number(file.guardians.threshold),
        mine: file.guardians.addresses.includes(cx.safe.keys().address(handle, 0)), begun: file.begin !== undefined,
      };
    },
  };
}

/** helpable is a guardian's part: she signs the message that the other's wallet made, for a ledger that the file names. */
export async function helpable(cx: Context, text: string): Promise<Made> {
  const { file } = read(text);
  const place = await pin(cx, file.invitation);
  const whole = file.begin ?? fail("recovery", "nobody has begun it");
  const s = newSubject(cx, place, "");
  if (!file.guardians.addresses.includes(cx.safe.keys().address(s.handle, 0))) {
    fail("recovery", "this wallet's key is not one of the guardians'");
  }
  return { subject: s, type: "RecoveryBegin", members: {}, whole, openings: { guardians: file.guardians }, file };
}

/** attemptAt finds the person's own attempt for a handle. */
function attemptAt(cx: Context, handle: Handle): Attempt {
  return cx.safe.content().attempts.find((a) => placeOf(a).handle === handle) ?? fail("recovery", "this wallet has no recovery of that record");
}

const placeOf = (a: Attempt) => parseInvitation(a.file.invitation);

function stateOf(a: Attempt): RecoveryState {
  const { handle, server, ledger } = placeOf(a);
  const state: RecoveryState = {
    handle, server, guardians: a.file.guardians.addresses, threshold: Number(a.file.guardians.threshold), signed: [...signersOf(ledger, a.file).keys()],
  };
  return a.begun === undefined ? state : { ...state, deadline: a.begun.deadline };
}

/** newest is where the custodian's newest text says that the handle's chain stands. */
function newest(place: string, handle: Handle, ledger: Hash): Link {
  const v = trusted("invitation", () => parseInvitation(place));
  if (v.code !== undefined || v.handle !== handle || v.ledger !== ledger) {
    fail("invitation", "the text is of another record, or has a code");
  }
  return { seq: v.seq, prev: v.prev };
}

/** recovery makes the interface over a context. */
export function recovery(cx: Context): Recovery {
  return {
    list: async () => cx.safe.content().attempts.map(stateOf),
    start: async (text, place) => start(cx, text, place),
    file: async (handle) => {
      const { invitation, guardians, begin } = attemptAt(cx, handle).file;
      return formatRecovery(begin === undefined ? { invitation, guardians } : { invitation, guardians, begin });
    },
    add: async (handle, text) => add(cx, attemptAt(cx, handle), text),
    begin: async (handle) => begin(cx, attemptAt(cx, handle)),
    async drop(handle) {
      const content = cx.safe.content();
      content.attempts = content.attempts.filter((a) => placeOf(a).handle !== handle);
      await cx.safe.save();
    },
  };
}

async function start(cx: Context, text: string, newer?: string): Promise<RecoveryState> {
  const { file, place } = read(text);
  await pin(cx, file.invitation);
  const { handle } = place;
  const content = cx.safe.content();
  if (content.subjects.some((s) => s.handle === handle)) {
    fail("subject", "this wallet has the record, or acts for it");
  }
  const at: Link = newer === undefined ? { seq: place.seq, prev: place.prev } : newest(newer, handle, place.ledger);
  const begin: Body = {
    handle, seq: (BigInt(at.seq) + 1n).toString(), prev: at.prev, keyCommit: cx.keyCommit(handle, 0), salt: cx.salt(),
  };
  const made: Attempt = { file: { invitation: file.invitation, guardians: file.guardians, begin } };
  content.attempts = [...content.attempts.filter((a) => placeOf(a).handle !== handle), made];
  await cx.safe.save();
  return stateOf(made);
}

async function add(cx: Context, a: Attempt, text: string): Promise<RecoveryState> {
  const { file, place } = read(text);
  if (!sameRecovery(a.file, file)) {
    fail("recovery", "the file is of another recovery");
  }
  const signers = signersOf(place.ledger, { ...a.file, signatures: file.signatures ?? [] });
  if (signers.size === 0) {
    fail("recovery", "no guardian has signed the file");
  }
  const all = new Map([...signersOf(place.ledger, a.file), ...signers]);
  a.file = { ...a.file, signatures: [...all.values()] };
  await cx.safe.save();
  return stateOf(a);
}

async function begin(cx: Context, a: Attempt): Promise<RecoveryState> {
  const { ledger, handle } = placeOf(a);
  await pin(cx, a.file.invitation);
  const body = a.file.begin ?? fail("recovery", "no new key is named in it");
  const m: Message = { type: "RecoveryBegin", body, openings: { guardians: a.file.guardians }, sigs: [...signersOf(ledger, a.file).values()] };
  const { receipt } = (await cx.http.json("/v1/claims", { method: "POST", body: { message: m }, again: true })) as { receipt: unknown };
  const proved = receiptOf(receipt);
  const head = headIn(cx.prove(ledger, m, proved), handle);
  if (head === undefined || head.pendingCommit !== body["keyCommit"]) {
    return fail("receipt", "another key would be registered");
  }
  a.begun = { deadline: head.deadline, seq: head.seq, prev: proved.commitment };
  await cx.safe.save();
  return stateOf(a);
}

/** finishing is the last message of a recovery: the new key signs that the record is hers. */
export async function finishing(cx: Context, handle: Handle, newer?: string): Promise<Made> {
  const a = attemptAt(cx, handle);
  const begun = a.begun ?? fail("recovery", "it has not begun");
  const place = await pin(cx, a.file.invitation);
  const keyCommit = (a.file.begin as Body)["keyCommit"] as Hash;
  const content = cx.safe.content();
  const known = content.subjects.find((s) => s.handle === handle);
  const s = known ?? newSubject(cx, place, ""); // known: the answer to an earlier try was lost
  s.generation = cx.safe.keys().findGeneration(handle, keyCommit) ?? fail("recovery", "the new key is not of this wallet");
  const settled = (): void => {
    content.attempts = content.attempts.filter((x) => x !== a);
  };
  const link = newer === undefined ? { seq: begun.seq, prev: begun.prev } : newest(newer, handle, place.invitation.ledger);
  return {
    subject: s, type: "RecoveryFinish", members: {}, link, fresh: known === undefined, settled,
    openings: { newKeySalt: toHex(cx.safe.keys().keySalt(handle, s.generation)) },
  };
}
