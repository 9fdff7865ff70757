/** The receipts of a person's consents, to take away. */
import { fail, isVolensError } from "../api/error.ts";
import type { Members } from "../api/wire.ts";
import { type Evidence, ends, type Proved } from "../core/evidence.ts";
import { messageOf } from "../core/message.ts";
import { consentReceipt, memberIn, partiesOf } from "../core/takeout.ts";
import type { Consent, Message, Value } from "../core/types.ts";
import type { Subject } from "../keys/book.ts";
import { type Context, receiptOf, trusted } from "./context.ts";

const isConsent = (m: Message, seq: string): boolean => ["ConsentGrant", "ConsentDecline", "ConsentAttest"].includes(m.type) && m.body["seq"] === seq;

const place = (p: Proved): bigint => BigInt(p.message.body["seq"] as string);

/** known is what the gateway has of a consent; undefined when it does not know the handle any more, as after an erasure. */
async function known(cx: Context, s: Subject, seq: string): Promise<Proved[] | undefined> {
  try {
    const { messages } = await cx.as<{ messages: { message: unknown; receipt: unknown }[] | null }>(s, "/v1/me/consents/evidence", { seq });
    return (messages ?? []).map((p) => ({ message: trusted("receipt", () => messageOf(p.message as Value)), receipt: receiptOf(p.receipt) }));
  } catch (error) {
    if (isVolensError(error) && ["unauthorized", "erased"].includes(error.code)) {
      return undefined;
    }
    throw error;
  }
}

/** receiptText makes the receipt of a consent, in the state that it has now, from what this device signed, from what the gateway has, and from what the ledger's authorities signed of the parties. */
export async function receiptText(cx: Context, s: Subject, seq: string): Promise<string> {
  const there = await known(cx, s, seq);
  const own = s.records.flatMap((k): Proved[] => (k.receipt === undefined ? [] : [{ message: k.message, receipt: k.receipt }]));
  const all = [...own, ...(there ?? [])].sort((a, b) => Number(place(a) - place(b)));
  const consent = all.find((p) => isConsent(p.message, seq)) ?? fail("not-found", "there is no such consent here");
  const confirm = all.find((p) => p.message.type === "ConsentConfirm" && p.message.body["consent"] === seq);
  const ended = all.find((p) => ends(p.message, consent.message) !== undefined);
  const info = await cx.ledgerInfo();
  const { messages } = (await cx.http.json("/v1/members", { again: true })) as Members;
  const parties = (consent.message.body["consent"] as unknown as Consent).provisions.flatMap((p) => p.recipients.map((r) => memberIn(r.reference) ?? ""));
  const pinned = cx.pinned(s.ledger);
  return trusted("receipt", () => {
    const evidence: Evidence = {
      ledger: s.ledger, genesis: pinned.genesis, logKey: pinned.key, consent, ...(confirm === undefined ? {} : { confirm }), ...(ended === undefined ? {} : { ended }),
      members: partiesOf(messages.map((m) => messageOf(m as unknown as Value)), [s.custodian, ...parties]),
      stated: {
        jurisdiction: info.jurisdiction ?? "", gateway: cx.http.origin, issued: String(cx.now()), ...(there === undefined && ended === undefined ? { gone: true } : {}),
      },
    };
    return consentReceipt(evidence);
  });
}
