/** What people of an organisation do, with a key of theirs that the vault holds. */
import { fail } from "../api/error.ts";
import type { Call } from "../api/http.ts";
import type { CheckpointView, Organisation } from "../api/volens.ts";
import type { Access, Asked, AskedFor, ConsentEntry, Enrolled, Session, Subject } from "../api/wire.ts";
import { fromBase64, fromHex, toHex } from "../core/bytes.ts";
import { checkGrown } from "../core/grown.ts";
import { formatInvitation } from "../core/invitation.ts";
import { commitment, messageOf, textHash } from "../core/message.ts";
import { type Checkpoint, openCheckpoint, parseVerifier } from "../core/note.ts";
import { TiledTree } from "../core/tiles.ts";
import type { Address, Value } from "../core/types.ts";
import type { Mark, MemberKey } from "../keys/book.ts";
import { assertionSession, owner } from "./assertion.ts";
import { type Context, trusted } from "./context.ts";
import { evidenceFile, wholeLog } from "./evidence.ts";
import { importConsents } from "./fhir.ts";
import type { Signer } from "./sessions.ts";

/** organisation makes the interface over a context. */
export function organisation(cx: Context): Organisation & { clear(): void } {
  let current: Address | undefined;
  const held = (address: Address): MemberKey => cx.safe.content().memberKeys.find((k) => k.address === address) ?? fail("key", "the vault has no such key");
  const signer = (address: Address) => (): Signer => {
    const { key, jwt } = held(address);
    return jwt === undefined ? { key: fromHex(key), opening: {} } : { own: () => asMember(key, jwt) };
  };
  const asMember = async (key: string, jwt: NonNullable<MemberKey["jwt"]>) => {
    const found = owner(await members(), jwt.public) ?? fail("unauthorized", "no member of the ledger has this key");
    return assertionSession(cx.http, cx.now(), cx.random, { member: found.member.id, kid: found.kid, alg: jwt.alg, der: fromBase64(key) });
  };
  const call = async <T>(path: string, body?: unknown, again = false): Promise<T> => {
    const address = current ?? fail("unauthenticated", "sign in first");
    const how: Omit<Call, "token"> = body === undefined ? { again: true } : { method: "POST", body, again };
    return (await cx.sessions.json(address, signer(address), path, how)) as T;
  };
  const tiles = (log: "ledger" | "uses") => (path: string) => {
    const address = current ?? fail("unauthenticated", "sign in first");
    return cx.sessions.call(address, signer(address), (token) => cx.http.bytes(`/tlog/${log}/${path}`, { token, again: true }));
  };
  const members = async () => {
    const info = await cx.ledgerInfo();
    const genesis = trusted("roster", () => messageOf(info.genesis as unknown as Value));
    return (await cx.roster({ id: info.id, genesis: commitment("Init", genesis.body) })).all();
  };
  const invitationOf = (e: Enrolled) =>
    formatInvitation({
      server: cx.http.origin, handle: e.handle, code: e.code, seq: e.seq, prev: e.prev, ledger: e.ledger, genesis: e.genesis, key: e.key, usesKey: e.usesKey,
    });
  const enrolled = async (path: string, body: unknown) => {
    const e = await call<Enrolled>(path, body);
    return { enrolled: e, invitation: invitationOf(e) };
  };
  const whoIs = async (session: Session) => {
    const member = session.member === undefined ? undefined : (await members()).find((m) => m.id === session.member);
    return { roles: session.roles, ...(session.member === undefined ? {} : { member: session.member }), ...(member === undefined ? {} : { name: member.name }) };
  };
  return {
    clear() {
      current = undefined;
    },
    async keys() {
      const held = cx.safe.content().memberKeys;
      const list = held.length === 0 ? [] : await members().catch(() => []);
      return held.map(({ address, jwt }) => {
        const m = jwt === undefined ? list.find((x) => x.keys.includes(address)) : owner(list, jwt.public)?.member;
        return m === undefined ? { address, roles: [] } : { address, member: m.id, name: m.name, roles: m.roles };
      });
    },
    async signIn(address) {
      const session = await cx.sessions.session(address, signer(address));
      current = address;
      return whoIs(session);
    },
    async signOut() {
      const address = current;
      current = undefined;
      if (address !== undefined) {
        await cx.sessions.end(address);
      }
    },
    async forgetKey(address) {
      const content = cx.safe.content();
      content.memberKeys = content.memberKeys.filter((k) => k.address !== address);
      await cx.sessions.end(address);
      await cx.safe.save();
    },
    access: (request) => call<Access>("/v1/access", request),
    fetch: (request) => call<Access>("/v1/fetch", request),
    ask: ({ subject, consent, text }) => call<Asked>("/v1/requests", { subject, text, consent: { ...consent, textHash: textHash(text) } }),
    askedFor: (before) => call<AskedFor>("/v1/requests/search", { before, limit: 20 }, true),
    openSubject: (localId, days) => enrolled("/v1/custodian/subjects", days === undefined ? { localId } : { localId, days }),
    newCode: (query) => enrolled("/v1/custodian/subjects/code", query),
    async findSubject(query) {
      const found = await call<Subject>("/v1/custodian/subjects/search", query, true);
      const { id, genesis, key, usesKey } = await cx.ledgerInfo();
      const { handle, seq, prev } = found;
      const init = trusted("roster", () => messageOf(genesis as unknown as Value));
      return { ...found, place: formatInvitation({ server: cx.http.origin, handle, seq, prev, ledger: id, genesis: commitment("Init", init.body), key, usesKey }) };
    },
    pseudonym: async (query, member) => (await call<{ pseudonym: string }>("/v1/custodian/pseudonyms", { ...query, member }, true)).pseudonym,
    importConsents: (text) => importConsents(text, (path, body) => call(path, body, true)),
    attest: (query, consent, evidence) => call<ConsentEntry>("/v1/custodian/attest", { ...query, consent, evidence }),
    erase: (query, reason) => call("/v1/custodian/erase", { ...query, reason }),
    auditUses: (filter) => call("/v1/audit/uses", filter, true),
    replay: (index, why) => call("/v1/audit/replay", { index, why }),
    checkpoint: (log) => checkpoint(cx, log, tiles(log)),
    async evidence(uses, replays) {
      const info = await cx.ledgerInfo();
      const whole = async (log: "uses" | "ledger", key: string) => wholeLog(await checkpoint(cx, log, tiles(log)), key, tiles(log));
      // The ledger first, so that the uses are not fewer than its newest anchor says.
      const ledger = await whole("ledger", info.key);
      return evidenceFile(cx.now(), { ledger, uses: await whole("uses", info.usesKey) }, uses, replays);
    },
  };
}

/** checkpoint checks the newest checkpoint of a log, and that the log still holds what was seen of it here. */
async function checkpoint(cx: Context, log: "ledger" | "uses", get: (path: string) => Promise<Uint8Array>): Promise<CheckpointView> {
  const info = await cx.ledgerInfo();
  const [origin, key] = log === "ledger" ? [info.origin, info.key] : [info.usesOrigin, info.usesKey];
  const name = `${origin} ${key}`; // another key is another log
  const content = cx.safe.content();
  const before = content.checkpoints[name];
  const note = new TextDecoder().decode(await get("checkpoint"));
  const view: CheckpointView = {
    log, origin, size: note.split("\n")[1] ?? "0", root: "", note, state: "failed", before: { size: before?.size ?? "0", root: before?.root ?? "" },
  };
  try {
    const cp = openCheckpoint(note, parseVerifier(key));
    if (cp.origin !== origin) {
      fail("proof", "a checkpoint of another log");
    }
    view.root = toHex(cp.root);
    await grown(cp, before, (path) => get(`tile/${path}`));
  } catch (error) {
    if (error instanceof Error && error.name === "VolensError" && "code" in error && error.code === "offline") {
      throw error;
    }
    return { ...view, why: error instanceof Error ? error.message : "not readable" };
  }
  content.checkpoints[name] = { size: view.size, root: view.root, note };
  await cx.safe.save();
  return { ...view, state: "proved" };
}

async function grown(cp: Checkpoint, before: Mark | undefined, fetchTile: (path: string) => Promise<Uint8Array>): Promise<void> {
  const had = BigInt(before?.size ?? "0");
  const proof = had === 0n || had >= cp.size ? [] : await new TiledTree(cp.size, fetchTile).consistency(had);
  const fault = checkGrown(cp, before, proof);
  if (fault !== undefined) {
    fail(fault.kind, fault.why);
  }
}
