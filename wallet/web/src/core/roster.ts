/**
 * Who the members of a ledger are, from the messages that its authorities signed, by the contract's own rules. Nobody but the
 * authorities can give a recipient its name, whoever serves the messages.
 */
import { Refused } from "./error.ts";
import { commitment, ledgerId, verify } from "./message.ts";
import type { Address, Hash, Member, MemberID, Message } from "./types.ts";

const ROLES = ["custodian", "clinician", "researcher", "auditor"];

interface Authority {
  name: string;
  address: Address;
}

interface Authorities {
  seq: bigint;
  list: Authority[];
  threshold: bigint;
}

function refuse(code: "unauthorized" | "conflict" | "malformed" | "not-found" | "exists", why: string): never {
  throw new Refused(code, why);
}

/** Roster keeps the members of one ledger. */
export class Roster {
  private readonly ledger: Hash;
  private authorities: Authorities;
  private closed = false;
  private readonly members = new Map<MemberID, Member>();

  /** The first message is the genesis of the pinned ledger; any other is refused. */
  constructor(pinned: { id: Hash; genesis: Hash }, genesis: Message) {
    if (genesis.type !== "Init" || ledgerId(genesis) !== pinned.id || commitment("Init", genesis.body) !== pinned.genesis) {
      refuse("unauthorized", "the genesis is not the pinned one");
    }
    this.ledger = pinned.id;
    this.authorities = authoritiesIn(genesis, 1n);
    this.signed(genesis);
  }

  /** add takes the next message, in the ledger's order. */
  add(m: Message): void {
    switch (m.type) {
      case "AuthorityChange":
        this.authorities = authoritiesIn(m, this.turn(m));
        return;
      case "Close":
        this.authorities = { ...this.authorities, seq: this.turn(m) };
        this.closed = true;
        return;
      case "Import":
        this.authorities = { ...this.authorities, seq: this.turn(m) };
        this.closed = false; // it goes on at another host
        return;
      case "MemberAdmit":
        this.admit(m);
        return;
      case "MemberUpdate":
        this.update(m);
        return;
      case "MemberSuspend":
        this.suspend(m);
        return;
      default:
        refuse("unauthorized", "not a message about members");
    }
  }

  /** member looks a member up. */
  member(id: MemberID): Member | undefined {
    return this.members.get(id);
  }

  /** all lists the members by id. */
  all(): Member[] {
    return [...this.members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  private signed(m: Message): void {
    if (this.closed && m.type !== "Import") {
      refuse("conflict", "the ledger is closed");
    }
    const signers = verify(this.ledger, m);
    if (signers.some((s) => !this.authorities.list.some((a) => a.address === s))) {
      refuse("unauthorized", "a signer is not an authority of this ledger");
    }
    if (BigInt(signers.length) < this.authorities.threshold) {
      refuse("unauthorized", "too few authorities signed");
    }
  }

  /** turn checks that the authorities signed a message and that it is the next of their record, and returns its place. */
  private turn(m: Message): bigint {
    this.signed(m);
    const seq = this.authorities.seq + 1n;
    if (BigInt(m.body["seq"] as string) !== seq) {
      refuse("conflict", "another change of the authorities was first");
    }
    return seq;
  }

  private admit(m: Message): void {
    this.signed(m);
    const id = m.body["member"] as string;
    if (this.members.has(id)) {
      refuse("exists", "the member is admitted already");
    }
    this.put({ ...memberIn(m), id, seq: "1", suspended: false });
  }

  private update(m: Message): void {
    const old = this.next(m);
    this.put({ ...memberIn(m), id: old.id, seq: m.body["seq"] as string, suspended: old.suspended });
  }

  private suspend(m: Message): void {
    const old = this.next(m);
    this.put({ ...old, seq: m.body["seq"] as string, suspended: m.body["suspended"] === true });
  }

  private next(m: Message): Member {
    this.signed(m);
    const old = this.members.get(m.body["member"] as string) ?? refuse("not-found", "there is no such member");
    if (BigInt(m.body["seq"] as string) !== BigInt(old.seq) + 1n) {
      refuse("conflict", "another change of the member was first");
    }
    return old;
  }

  private put(m: Member): void {
    const roles = m.roles;
    if (m.name === "" || roles.length === 0 || m.keys.length === 0) {
      refuse("malformed", "a member has a name, a role and a key");
    }
    if (new Set(m.keys).size !== m.keys.length || m.keys.some((k) => /^0x0*$/.test(k))) {
      refuse("malformed", "a member's key is missing or named twice");
    }
    if (new Set(roles).size !== roles.length || roles.some((r) => !ROLES.includes(r))) {
      refuse("malformed", "a role is unknown or named twice");
    }
    this.members.set(m.id, m);
  }
}

function memberIn(m: Message): Pick<Member, "name" | "roles" | "keys" | "jwks" | "url"> {
  const b = m.body as unknown as Member;
  return { name: b.name, roles: b.roles, keys: b.keys, jwks: b.jwks, url: b.url };
}

function authoritiesIn(m: Message, seq: bigint): Authorities {
  const list = m.body["authorities"] as unknown as Authority[];
  const threshold = BigInt(m.body["threshold"] as string);
  if (threshold < 1n || threshold > BigInt(list.length)) {
    refuse("malformed", "the threshold is from 1 to the number of authorities");
  }
  const addresses = list.map((a) => a.address);
  if (list.some((a) => a.name === "" || /^0x0*$/.test(a.address)) || new Set(addresses).size !== addresses.length) {
    refuse("malformed", "an authority has a name and an address, and is named once");
  }
  return { seq, list, threshold };
}
