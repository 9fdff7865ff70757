/** What the parts of the wallet share: the vault, the way to the gateway, who is signed in, and names that the authorities signed. */
import { fail, VolensError } from "../api/error.ts";
import type { Http } from "../api/http.ts";
import type { LedgerInfo, Members } from "../api/wire.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { Refused } from "../core/error.ts";
import { checkReceipt, type Leaf, type PinnedLedger } from "../core/leaf.ts";
import { keyCommitment, messageOf } from "../core/message.ts";
import { Roster } from "../core/roster.ts";
import type { Handle, Hash, Member, Message, Openings, Receipt, Value } from "../core/types.ts";
import type { Mark, Subject } from "../keys/book.ts";
import type { Safe } from "../keys/vault.ts";
import { Sessions, type Signer } from "./sessions.ts";

const ROSTER_LIFE = 60_000;

/** Context is made once for each worker. */
export class Context {
  readonly safe: Safe;
  readonly http: Http;
  readonly now: () => number;
  readonly random: (bytes: Uint8Array) => void;
  readonly sessions: Sessions;
  private readonly rosters = new Map<Hash, { roster: Roster; until: number }>();

  constructor(safe: Safe, http: Http, now: () => number, random: (bytes: Uint8Array) => void) {
    this.safe = safe;
    this.http = http;
    this.now = now;
    this.random = random;
    this.sessions = new Sessions(http, now);
  }

  /** forget drops what was opened with the vault. */
  async forget(): Promise<void> {
    this.rosters.clear();
    await this.sessions.endAll();
  }

  /** subject is a handle of this vault. */
  subject(handle: Handle): Subject {
    return this.safe.content().subjects.find((s) => s.handle === handle) ?? fail("subject", "this wallet has no such record");
  }

  /** pinned is the ledger that a handle was enrolled on. */
  pinned(ledger: Hash): PinnedLedger & { mark?: Mark } {
    return this.safe.content().ledgers.find((l) => l.id === ledger) ?? fail("pinned", "the ledger is not pinned");
  }

  /** needHere refuses a handle of another gateway: the app talks only to the place it came from. */
  needHere(s: Subject): void {
    if (s.gateway !== this.http.origin) {
      fail("other-gateway", s.gateway);
    }
  }

  /** opening opens the ledger's commitment to a handle's key, or the delegation that this wallet acts under. */
  opening(s: Subject): Openings {
    return s.delegation === undefined ? { keySalt: toHex(this.safe.keys().keySalt(s.handle, s.generation)) } : { delegation: s.delegation };
  }

  /** signer signs in as a handle. */
  signer(s: Subject): Signer {
    const key = this.safe.keys().key(s.handle, s.generation);
    const { keySalt, delegation } = this.opening(s);
    return { key, opening: delegation !== undefined ? { delegation } : keySalt !== undefined ? { handle: s.handle, keySalt } : {} };
  }

  /** as calls the gateway as a handle. */
  as<T>(s: Subject, path: string, body?: unknown, again = true): Promise<T> {
    this.needHere(s);
    const call = body === undefined ? { again } : { method: "POST" as const, body, again };
    return this.sessions.json(s.handle, () => this.signer(s), path, call) as Promise<T>;
  }

  /** asText is as for an answer that is no JSON. */
  asText(s: Subject, path: string): Promise<string> {
    this.needHere(s);
    return this.sessions.call(s.handle, () => this.signer(s), (token) => this.http.text(path, { token }));
  }

  ledgerInfo(): Promise<LedgerInfo> {
    return this.http.json("/v1/ledger", { again: true }) as Promise<LedgerInfo>;
  }

  /** roster is who the members of a pinned ledger are, by what its authorities signed. */
  async roster(pinned: { id: Hash; genesis: Hash }): Promise<Roster> {
    const held = this.rosters.get(pinned.id);
    if (held !== undefined && held.until > this.now()) {
      return held.roster;
    }
    const { messages } = (await this.http.json("/v1/members", { again: true })) as Members;
    const roster = trusted("roster", () => {
      const [genesis, ...rest] = messages.map((m) => messageOf(m as unknown as Value));
      const made = new Roster(pinned, genesis ?? fail("roster", "the gateway shows no genesis"));
      rest.forEach((m) => made.add(m));
      return made;
    });
    this.rosters.set(pinned.id, { roster, until: this.now() + ROSTER_LIFE });
    return roster;
  }

  /** names is a lookup of members for a handle; where the gateway cannot be reached it knows nobody. */
  async names(s: Subject): Promise<(id: string) => Member | undefined> {
    try {
      const roster = await this.roster(this.pinned(s.ledger));
      return (id) => roster.member(id);
    } catch (error) {
      if (error instanceof VolensError && error.code === "offline") {
        return () => undefined;
      }
      throw error;
    }
  }

  /** prove checks a receipt with the pinned key and returns its leaf. */
  prove(ledger: Hash, message: Message | undefined, receipt: Receipt): Leaf {
    return trusted("receipt", () => checkReceipt(this.pinned(ledger), message, receipt));
  }

  /** salt is 32 fresh random bytes. */
  salt(): Hash {
    const bytes = new Uint8Array(32);
    this.random(bytes);
    return toHex(bytes);
  }

  /** keyCommit is what the ledger shows of a handle's key in a generation. */
  keyCommit(handle: Handle, generation: number): Hash {
    const keys = this.safe.keys();
    return keyCommitment(fromHex(toHex(keys.keySalt(handle, generation))), keys.address(handle, generation));
  }
}

/** trusted runs a check; whatever it refuses becomes an error that the person is told of. */
export function trusted<T>(code: "roster" | "receipt" | "proof" | "pinned" | "invitation" | "recovery" | "draft", check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof Refused) {
      throw new VolensError(code, error.message);
    }
    throw error;
  }
}

/** receiptOf takes a receipt from the wire, where its position is a number. */
export function receiptOf(wire: unknown): Receipt {
  const r = wire as Omit<Receipt, "position" | "proof"> & { position: number | string; proof: Hash[] | null };
  return { ...r, position: String(r.position), proof: r.proof ?? [] };
}
