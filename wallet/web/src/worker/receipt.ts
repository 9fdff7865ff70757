/** The receipts of a person’s consents, to take away. */
import { fail } from "../api/error.ts";
import type { Members } from "../api/wire.ts";
import { messageOf } from "../core/message.ts";
import { consentReceipt, type Evidence, memberIn, partiesOf, type Proved } from "../core/takeout.ts";
import type { Consent, Message, Value } from "../core/types.ts";
import type { Kept, Subject } from "../keys/book.ts";
import { type Context, trusted } from "./context.ts";

const isConsent = (m: Message, seq: string): boolean => ["ConsentGrant", "ConsentDecline"].includes(m.type) && m.body["seq"] === seq;

const ends = (m: Message, seq: string): boolean =>
  (m.type === "ConsentRevoke" && m.body["consent"] === seq) || (m.type === "RevokeAll" && BigInt(m.body["seq"] as string) > BigInt(seq));

const proved = (k: Kept): Proved[] => (k.receipt === undefined ? [] : [{ message: k.message, receipt: k.receipt }]);

/** receiptText makes the receipt of a consent from what this device kept, and from what the ledger's authorities signed of the parties. */
export async function receiptText(cx: Context, s: Subject, seq: string): Promise<string> {
  const all = s.records.flatMap(proved);
  const consent = all.find((p) => isConsent(p.message, seq)) ?? fail("not-found", "this device signed no such consent");
  const ended = all.find((p) => ends(p.message, seq));
  const info = await cx.ledgerInfo();
  const { messages } = (await cx.http.json("/v1/members", { again: true })) as Members;
  const parties = (consent.message.body["consent"] as unknown as Consent).provisions.flatMap((p) => p.recipients.map((r) => memberIn(r.reference) ?? ""));
  const pinned = cx.pinned(s.ledger);
  return trusted("receipt", () => {
    const evidence: Evidence = {
      ledger: s.ledger, genesis: pinned.genesis, logKey: pinned.key, consent, ...(ended === undefined ? {} : { ended }),
      members: partiesOf(messages.map((m) => messageOf(m as unknown as Value)), [s.custodian, ...parties]),
      stated: { jurisdiction: info.jurisdiction ?? "", gateway: cx.http.origin },
    };
    return consentReceipt(evidence);
  });
}
