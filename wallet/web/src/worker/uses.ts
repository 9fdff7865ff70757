/** Who used the data: fetched whole, checked whole, and compared with what was seen before. */
import { fail } from "../api/error.ts";
import type { AnchorView, LedgerView, UseEntry, UsesView } from "../api/volens.ts";
import { toHex } from "../core/bytes.ts";
import { parseVerifier } from "../core/note.ts";
import { checkStatement, type Fault, type Finding, openUseCheckpoint, type Seen, type UseLog } from "../core/statement.ts";
import type { Entry, Handle, Member, Statement } from "../core/types.ts";
import { useLeafHash } from "../core/use.ts";
import type { Subject } from "../keys/book.ts";
import { watchAnchor } from "./anchor.ts";
import type { Context } from "./context.ts";
import { watchLedger } from "./ledger.ts";

const PAGE = 1000;
const ZERO = "0".repeat(64);

/** UsesService keeps the last view of each handle until the vault locks. */
export class UsesService {
  private readonly cx: Context;
  private readonly views = new Map<Handle, UsesView>();

  constructor(cx: Context) {
    this.cx = cx;
  }

  clear(): void {
    this.views.clear();
  }

  last(handle: Handle): UsesView | undefined {
    this.cx.subject(handle);
    return this.views.get(handle);
  }

  async sync(handle: Handle): Promise<UsesView> {
    const s = this.cx.subject(handle);
    const ledger = await watchLedger(this.cx, s);
    let seen = await this.see(s);
    if (seen.anchor === "behind") {
      seen = await this.see(s); // the log may have gone on meanwhile; one that still lacks what was anchored then is a failure
    }
    const { statement, view, next } = seen;
    const anchor = seen.anchor === "behind" ? undefined : seen.anchor;
    if (next !== undefined && anchor?.state !== "failed") {
      s.seen = next;
      s.seenNote = statement.checkpoint;
    }
    if (anchor !== undefined) {
      view.anchor = anchor;
      told(view, anchor, "the anchor");
      if (anchor.state === "failed") {
        view.entries = view.entries.map((e) => ({ ...e, state: "failed", why: view.why ?? "" })); // each is in a log that is not everybody's
      }
    }
    if (ledger !== undefined) {
      view.ledger = ledger;
      told(view, ledger, "the ledger");
    }
    if (next !== undefined || ledger?.state === "proved") {
      await this.cx.safe.save();
    }
    this.views.set(handle, view);
    return view;
  }

  /** see fetches the list and holds it against itself, then against its anchor. */
  private async see(s: Subject): Promise<{ statement: Statement; view: UsesView; next?: Seen; anchor?: AnchorView | "behind" }> {
    const statement = await this.fetch(s);
    const checked = this.check(s, statement, { ...s.seen, useSeq: "0", head: ZERO, subjectSalt: ZERO }, await this.cx.names(s));
    const anchor = checked.next === undefined ? undefined : await watchAnchor(this.cx, s, checked.next);
    return { statement, ...checked, ...(anchor === undefined ? {} : { anchor }) };
  }

  /** verifyFile checks an exported statement, which says nothing of what was seen before. */
  async verifyFile(handle: Handle, json: string): Promise<UsesView> {
    const s = this.cx.subject(handle);
    let statement: Statement;
    try {
      statement = JSON.parse(json) as Statement;
    } catch {
      return fail("proof", "the file is not readable");
    }
    const nothing: Seen = { size: "0", root: ZERO, useSeq: "0", head: ZERO, subjectSalt: ZERO };
    return this.check({ ...s, seen: nothing }, statement, nothing, await this.cx.names(s)).view;
  }

  private async fetch(s: Subject): Promise<Statement> {
    const query = s.seen.size === "0" ? { limit: PAGE } : { since: s.seen.size, limit: PAGE };
    const statement = await this.cx.as<Statement>(s, "/v1/me/uses", query);
    const size = sizeIn(statement);
    for (let last = statement.entries.at(-1); last !== undefined && last.use.useSeq !== "1"; last = statement.entries.at(-1)) {
      // Before is an index: the record of the last entry that came.
      const page = await this.cx.as<{ entries: Entry[] }>(s, "/v1/me/uses", { before: last.index, size, limit: PAGE });
      const first = page.entries[0];
      if (first === undefined || BigInt(first.index) >= BigInt(last.index)) {
        break; // it does not go on; the check says what is missing
      }
      statement.entries.push(...page.entries);
    }
    return statement;
  }

  private check(s: Subject, statement: Statement, from: Seen, member: (id: string) => Member | undefined): { view: UsesView; next?: Seen } {
    const log: UseLog = { origin: s.usesOrigin, verifier: parseVerifier(s.usesKey) };
    const found = checkStatement(log, from, s.handle, s.slot, statement);
    const fault = found.fault ?? remembered(s, statement);
    const view = viewOf(log, s, statement, found, fault, member);
    return fault === undefined && found.next !== undefined ? { view, next: found.next } : { view };
  }
}

/** told adds to a view what the ledger shows: one with another history makes the whole untrue. */
function told(view: UsesView, by: LedgerView | AnchorView, what: string): void {
  if (by.state === "failed" && view.state === "proved") {
    view.state = "failed";
    view.why = `${what}: ${by.why ?? ""}`;
    if (by.alarm !== undefined) {
      view.alarm = by.alarm;
    }
  }
}

/** remembered says whether what was verified before is still there: the same use at the same place. */
function remembered(s: Subject, statement: Statement): Fault | undefined {
  const { seen } = s;
  if (seen.useSeq === "0") {
    return undefined;
  }
  const entry = statement.entries.find((e) => e.use.useSeq === seen.useSeq);
  if (entry === undefined) {
    return { kind: "rollback", why: `use ${seen.useSeq} was seen and is gone` };
  }
  const leaf = toHex(useLeafHash(entry.use, BigInt(s.slot), statement.subjectSalt, entry.prev));
  return leaf === seen.head && statement.subjectSalt === seen.subjectSalt ? undefined : { kind: "fork", why: `use ${seen.useSeq} is another than before` };
}

function sizeIn(statement: Statement): string {
  return statement.checkpoint.split("\n")[1] ?? "0";
}

function viewOf(log: UseLog, s: Subject, st: Statement, found: Finding, fault: Fault | undefined, member: (id: string) => Member | undefined): UsesView {
  const view: UsesView = {
    entries: st.entries.map((e, i) => entryOf(e, found.entries[i], member)), state: fault === undefined ? "proved" : "failed", total: st.useSeq,
    checkpoint: { origin: log.origin, size: sizeIn(st), root: rootOf(log, st), note: st.checkpoint }, before: { size: s.seen.size, useSeq: s.seen.useSeq },
  };
  if (fault !== undefined) {
    view.why = fault.why;
    view.alarm = fault.kind;
  }
  return view;
}

function rootOf(log: UseLog, st: Statement): string {
  try {
    return toHex(openUseCheckpoint(log, st.checkpoint).root);
  } catch {
    return "";
  }
}

function entryOf(e: Entry, why: string | undefined, member: (id: string) => Member | undefined): UseEntry {
  const out: UseEntry = { ...e, state: why === undefined ? "proved" : "failed" };
  if (why !== undefined) {
    out.why = why;
  }
  const name = e.use.requester === "" ? undefined : member(e.use.requester)?.name;
  if (name !== undefined) {
    out.requesterName = name;
  }
  return out;
}
