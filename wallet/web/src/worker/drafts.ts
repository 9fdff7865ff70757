/**
 * From what a person wants to a signed message on the ledger, in two steps: the draft is kept here and shown; what is signed is
 * that same draft. Typed data, texts' hashes and summaries are made from it and from nothing that a server says.
 */
import { fail, isVolensError } from "../api/error.ts";
import type { Draft, Field, Intent, Signed } from "../api/volens.ts";
import type { Asked, ConsentEntry, Me } from "../api/wire.ts";
import { toHex } from "../core/bytes.ts";
import { describe } from "../core/describe.ts";
import { checkMessageForm } from "../core/form.ts";
import { addressOf } from "../core/key.ts";
import { headIn } from "../core/leaf.ts";
import { codeSecret, commitment, digest, guardianCommitment, signBody, textHash, ZERO_HASH } from "../core/message.ts";
import { formatRecovery, type RecoveryFile } from "../core/recovery.ts";
import { typedData } from "../core/typed.ts";
import type { Body, Consent, Guardians, Hash, Message, Openings, Receipt, Value } from "../core/types.ts";
import type { Subject } from "../keys/book.ts";
import { type Context, receiptOf, trusted } from "./context.ts";
import { newSubject, pin, settle } from "./enrol.ts";
import { finishing, helpable } from "./recover.ts";

const MAX_DRAFTS = 16;

/** A message that waits for a yes. */
interface Waiting {
  subject: Subject;
  type: string;
  body: Body;
  openings: Openings;
  /** The message's own digest, taken when it was shown. */
  digest: string;
  /** How many generations of the key sign: two for a rotation. */
  signatures: number;
  fresh: boolean;
  made: Made;
}

/** What an intent comes to. */
export interface Made {
  subject: Subject;
  type: string;
  members: Body;
  openings?: Openings;
  text?: string;
  signatures?: number;
  fresh?: boolean;
  /** The message that it comes after, where it is not the newest that the gateway shows to who is signed in. */
  link?: Link;
  /** A body that is whole already: a guardian signs what the other's wallet made. */
  whole?: Body;
  /** Lines beside those of the message, which only commits to what they say. */
  more?: Field[];
  /** A guardian's signature goes into this file, and nowhere else. */
  file?: RecoveryFile;
  /** What the book has to know once it is on the ledger. */
  settled?: (s: Subject) => void;
}

/** Link is the newest message of a handle. */
export interface Link {
  seq: string;
  prev: Hash;
}

/** Drafts are those of one worker; a lock forgets them. */
export class Drafts {
  private readonly cx: Context;
  private readonly waiting = new Map<string, Waiting>();

  constructor(cx: Context) {
    this.cx = cx;
  }

  clear(): void {
    this.waiting.clear();
  }

  discard(id: string): void {
    this.waiting.delete(id);
  }

  /** prepare makes the message and shows it. */
  async prepare(intent: Intent): Promise<Draft> {
    const made = await this.madeOf(intent);
    const { subject: s, type } = made;
    const body = made.whole ?? (await this.bodyOf(made));
    const openings = made.openings ?? this.cx.opening(s);
    trusted("draft", () => checkMessageForm({ type, body, openings, sigs: [] }));
    const names = await this.cx.names(s);
    const id = this.cx.salt();
    const d = toHex(digest(s.ledger, type, body));
    if (this.waiting.size >= MAX_DRAFTS) {
      this.waiting.clear();
    }
    this.waiting.set(id, { subject: s, type, body, openings, digest: d, signatures: made.signatures ?? 1, fresh: made.fresh === true, made });
    const shown: Draft = {
      id, type, handle: s.handle, fields: [...describe(type, body, names), ...(made.more ?? [])], ledger: { id: s.ledger, name: this.cx.pinned(s.ledger).name },
      signer: addressOf(this.cx.safe.keys().key(s.handle, s.generation)), digest: d, typedData: typedData(s.ledger, type, body),
    };
    if (typeof body["consent"] === "object") {
      shown.consent = structuredClone(body["consent"]) as unknown as Consent;
    }
    if (made.text !== undefined) {
      shown.text = made.text;
    }
    return shown;
  }

  private async madeOf(intent: Intent): Promise<Made> {
    switch (intent.kind) {
      case "claim":
        return this.claim(intent.invitation, intent.label ?? "");
      case "help":
        return helpable(this.cx, intent.file);
      case "recovered":
        return finishing(this.cx, intent.handle, intent.place);
      default:
        return this.make(this.cx.subject(intent.handle), intent);
    }
  }

  private async bodyOf(made: Made): Promise<Body> {
    const { handle } = made.subject;
    const link = made.link ?? (await this.link(made.subject));
    return { handle, seq: (BigInt(link.seq) + 1n).toString(), prev: link.prev, ...made.members, salt: this.cx.salt() };
  }

  /** sign signs a draft, puts it on the ledger and proves the receipt. */
  async sign(id: string): Promise<Signed> {
    const w = this.waiting.get(id) ?? fail("draft", "there is no such draft, or it was used");
    this.waiting.delete(id);
    const { subject: s, type, body, openings } = w;
    if (toHex(digest(s.ledger, type, body)) !== w.digest) {
      fail("draft", "the message is not the one that was shown");
    }
    const keys = Array.from({ length: w.signatures }, (_, i) => this.cx.safe.keys().key(s.handle, s.generation + i));
    const m: Message = { type, body, openings, sigs: signBody(s.ledger, type, body, ...keys) };
    keys.forEach((k) => k.fill(0));
    if (w.made.file !== undefined) {
      return { type, seq: body["seq"] as string, commitment: commitment(type, body), position: "0", time: "0", file: formatRecovery({ ...w.made.file, signatures: m.sigs }) };
    }
    const keyless = type === "SubjectClaim" || type === "RecoveryFinish";
    const receipt = keyless ? await this.submitClaim(s, m, w.fresh) : receiptOf(await this.submit(s, m));
    const leaf = this.cx.prove(s.ledger, m, receipt);
    await this.keep(s, m, receipt);
    const head = headIn(leaf, s.handle);
    if (keyless) {
      if (head === undefined || head.keyCommit !== this.cx.keyCommit(s.handle, s.generation)) {
        fail("receipt", "another key is registered");
      }
      await settle(this.cx, s, head);
    }
    await this.turn(s, w, receipt);
    return { type, seq: body["seq"] as string, commitment: receipt.commitment, position: receipt.position, time: receipt.time };
  }

  /** turn writes into the book what a message on the ledger changes. */
  private async turn(s: Subject, w: Waiting, receipt: Receipt): Promise<void> {
    w.made.settled?.(s);
    if (w.type === "KeyRotate") {
      s.generation++;
      await this.cx.sessions.end(s.handle);
    }
    if (w.type === "Erase") {
      s.erased = receipt.time;
      delete s.consents;
      await this.cx.sessions.end(s.handle);
    }
    if (w.type === "DelegateEnd" && s.delegation?.seq === w.body["delegation"]) {
      const content = this.cx.safe.content();
      content.subjects = content.subjects.filter((x) => x !== s);
      await this.cx.sessions.end(s.handle);
    }
    await this.cx.safe.save();
  }

  private async submit(s: Subject, m: Message): Promise<unknown> {
    // The same message has the same receipt: sending it again does no harm.
    return this.cx.as(s, "/v1/messages", m);
  }

  /** A claim spends its code. The handle is saved first: should the answer be lost, the handle is not. */
  private async submitClaim(s: Subject, m: Message, fresh: boolean): Promise<Receipt> {
    const content = this.cx.safe.content();
    if (fresh) {
      content.subjects.push(s);
      await this.cx.safe.save();
    }
    try {
      const { receipt } = (await this.cx.http.json("/v1/claims", { method: "POST", body: { message: m }, again: true })) as { receipt: unknown };
      return receiptOf(receipt);
    } catch (error) {
      const open = isVolensError(error) && ["unknown", "unavailable", "internal", "fenced", "offline"].includes(error.code);
      if (fresh && !open) {
        content.subjects = content.subjects.filter((x) => x.handle !== s.handle);
        await this.cx.safe.save();
      }
      throw error;
    }
  }

  private async keep(s: Subject, message: Message, receipt: Receipt): Promise<void> {
    s.records = [...s.records.filter((r) => r.commitment !== receipt.commitment), { commitment: receipt.commitment, message, receipt }];
    if (BigInt(message.body["seq"] as string) > BigInt(s.seq)) {
      s.seq = message.body["seq"] as string;
      s.prev = receipt.commitment;
    }
    await this.cx.safe.save();
  }

  private async link(s: Subject): Promise<Link> {
    return this.cx.as<Me>(s, "/v1/me");
  }

  private async claim(invitation: string, label: string): Promise<Made> {
    const place = await pin(this.cx, invitation);
    const { handle, code } = place.invitation;
    if (code === undefined) {
      return fail("invitation", "this invitation has no code: bring the record back instead");
    }
    const known = this.cx.safe.content().subjects.find((x) => x.handle === handle);
    if (known?.delegation !== undefined || (known !== undefined && known.records.length > 0)) {
      fail("subject", "this wallet has the record already");
    }
    const s = known ?? newSubject(this.cx, place, label);
    const openings: Openings = { newKeySalt: toHex(this.cx.safe.keys().keySalt(handle, 0)), code: codeSecret(code) };
    const members = { keyCommit: this.cx.keyCommit(handle, 0), guardianCommit: ZERO_HASH };
    return { subject: s, type: "SubjectClaim", members, openings, fresh: known === undefined, link: { seq: s.seq, prev: s.prev } };
  }

  private async make(s: Subject, intent: Exclude<Intent, { kind: "claim" | "help" | "recovered" }>): Promise<Made> {
    switch (intent.kind) {
      case "grant":
        return this.grant(s, intent);
      case "decline": {
        const asked = await this.asked(s, intent.request);
        return { subject: s, type: "ConsentDecline", members: { request: asked.id, consent: asked.consent as unknown as Value }, text: asked.text };
      }
      case "revoke":
        await this.entry(s, intent.consent);
        return { subject: s, type: "ConsentRevoke", members: { consent: intent.consent } };
      case "revoke-all":
        return { subject: s, type: "RevokeAll", members: {} };
      case "confirm": {
        const entry = await this.entry(s, intent.consent);
        return { subject: s, type: "ConsentConfirm", members: { consent: entry.seq, commitment: entry.commitment } };
      }
      case "delegate":
        return {
          subject: s, type: "Delegate",
          members: { delegate: intent.delegate, kind: intent.as ?? "proxy", scope: intent.scope, period: { start: intent.start, end: intent.end }, majority: "0" },
        };
      case "delegate-end":
        return { subject: s, type: "DelegateEnd", members: { delegation: intent.delegation } };
      case "rotate": {
        const openings = { ...this.cx.opening(s), newKeySalt: toHex(this.cx.safe.keys().keySalt(s.handle, s.generation + 1)) };
        return { subject: s, type: "KeyRotate", members: { keyCommit: this.cx.keyCommit(s.handle, s.generation + 1) }, openings, signatures: 2 };
      }
      case "guardians":
        return this.guardians(s, intent);
      case "veto":
        return { subject: s, type: "RecoveryVeto", members: {} };
      case "erase":
        return { subject: s, type: "Erase", members: { reason: "request" } };
    }
  }

  private guardians(s: Subject, { guardians: list, threshold }: Extract<Intent, { kind: "guardians" }>): Made {
    if (list.length === 0) {
      return {
        subject: s, type: "GuardiansSet", members: { guardianCommit: ZERO_HASH },
        settled: (x) => {
          delete x.guardians;
        },
      };
    }
    const set: Guardians = {
      addresses: list.map((g) => g.address), threshold: String(threshold), salt: toHex(this.cx.safe.keys().guardianSalt(s.handle, s.generation)),
    };
    if (new Set(set.addresses).size !== list.length || list.length > 16 || threshold < 1 || threshold > list.length) {
      fail("draft", "each guardian once, and no more are needed than there are");
    }
    const line = (path: string, key: string, value: string, form: Field["form"]): Field => ({ path, depth: 0, key, value, form, warnings: [], detail: false });
    const more = list.map((g, i) => line(`guardians[${i}]`, "guardian", g.name === "" ? g.address : `${g.name} (${g.address})`, "text"));
    return {
      subject: s, type: "GuardiansSet", members: { guardianCommit: guardianCommitment(set) }, more: [...more, line("threshold", "threshold", String(threshold), "count")],
      settled: (x) => {
        x.guardians = { set, names: list.map((g) => g.name) };
      },
    };
  }

  private async grant(s: Subject, intent: Extract<Intent, { kind: "grant" }>): Promise<Made> {
    const asked = intent.request === undefined ? undefined : await this.asked(s, intent.request);
    const consent: Consent = { ...intent.consent, textHash: textHash(intent.text) };
    if (consent.recordedAt === "0") {
      consent.recordedAt = String(this.cx.now());
    }
    if (intent.replaces !== undefined) {
      await this.entry(s, intent.replaces);
    }
    return {
      subject: s, type: "ConsentGrant", text: intent.text,
      members: { request: asked?.id ?? ZERO_HASH, replaces: intent.replaces ?? "0", consent: consent as unknown as Value },
    };
  }

  /** asked finds a request and checks that its text is the one that its consent names. */
  private async asked(s: Subject, id: string): Promise<Asked> {
    const { requests } = await this.cx.as<{ requests: Asked[] }>(s, "/v1/me/requests");
    const asked = requests.find((r) => r.id === id) ?? fail("not-found", "there is no such request");
    if (textHash(asked.text) !== asked.consent.textHash) {
      fail("text", "the request's text is not the one that its consent names");
    }
    return asked;
  }

  private async entry(s: Subject, seq: string): Promise<ConsentEntry> {
    const { consents } = await this.cx.as<{ consents: ConsentEntry[] }>(s, "/v1/me/consents");
    return consents.find((c) => c.seq === seq) ?? fail("not-found", "there is no such consent");
  }
}

