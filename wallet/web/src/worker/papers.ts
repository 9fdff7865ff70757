/** Health certificates that the wallet keeps, and documents that lie at the gateway. The code that reads certificates is loaded when it is needed. */
import { fail, isVolensError } from "../api/error.ts";
import type { PaperInfo, Papers } from "../api/volens.ts";
import type { SharedDocument } from "../api/wire.ts";
import { textHash } from "../core/message.ts";
import { type Certificate, Unreadable } from "../papers/certificate.ts";
import type { Context } from "./context.ts";

/** A list above this is used and not kept: every save of the vault would carry it. */
const KEPT = 1 << 19;
const REFRESH = 10 * 60_000;

/** papers makes the interface over a context. */
export function papers(cx: Context): Papers {
  let fetched: { list: unknown; until: number } | undefined;
  const list = async (): Promise<unknown> => {
    if (fetched !== undefined && fetched.until > cx.now()) {
      return fetched.list;
    }
    const content = cx.safe.content();
    try {
      fetched = { list: await cx.http.json("/trust.json", { again: true }), until: cx.now() + REFRESH };
    } catch (error) {
      if (isVolensError(error) && error.code === "not-found") {
        return {}; // this gateway vouches for nobody
      }
      return content.trust;
    }
    const text = JSON.stringify(fetched.list);
    if (text.length < KEPT && text !== JSON.stringify(content.trust)) {
      content.trust = fetched.list;
      await cx.safe.save();
    }
    return fetched.list;
  };
  const judge = async (text: string): Promise<Certificate[]> => {
    const { readCertificates, trustOf } = await import("../papers/read.ts");
    try {
      return await readCertificates(text, await trustOf(await list()), cx.now());
    } catch (error) {
      if (error instanceof Unreadable) {
        fail("certificate", error.message);
      }
      throw error;
    }
  };
  const all = () => cx.safe.content().papers;
  return {
    list: () => Promise.all(all().map(async ({ text, added }): Promise<PaperInfo> => ({ id: textHash(text), text, added, certificates: await judge(text) }))),
    read: (text) => judge(text.trim()),
    async keep(text) {
      const plain = text.trim();
      await judge(plain);
      const content = cx.safe.content();
      content.papers = [...content.papers.filter((p) => p.text !== plain), { text: plain, added: String(cx.now()) }];
      await cx.safe.save();
    },
    async remove(id) {
      const content = cx.safe.content();
      content.papers = content.papers.filter((p) => textHash(p.text) !== id);
      await cx.safe.save();
    },
    shared: async (handle) => documents(await cx.as(cx.subject(handle), "/v1/me/documents")),
    put: (handle, { title, contentType, data, secret }) =>
      cx.as<SharedDocument>(cx.subject(handle), "/v1/me/documents", { title, contentType, data, confidentiality: secret ? "R" : "N" }),
    take: async (handle, id) => documents(await cx.as(cx.subject(handle), "/v1/me/documents/remove", { id })),
  };
}

const documents = (answer: unknown): SharedDocument[] => (answer as { documents: SharedDocument[] | null }).documents ?? [];
