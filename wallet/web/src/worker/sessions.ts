/**
 * Sign-ins. Tokens are bearer tokens in this worker's memory: one for each handle or key, none in any storage, none that the
 * browser would add by itself to a request that somebody else made it send.
 */
import { fail, isVolensError } from "../api/error.ts";
import type { Call, Http } from "../api/http.ts";
import type { Challenge, Session, SignIn } from "../api/wire.ts";
import { addressOf, sign } from "../core/key.ts";
import { signInText } from "../core/siwe.ts";
import { personalDigest } from "../core/typed.ts";

/** Who signs in: with which key, and what opens the ledger's commitment to it; or by a way of its own. */
export type Signer = { key: Uint8Array; opening: Pick<SignIn, "handle" | "keySalt" | "delegation"> } | { own: () => Promise<Session> };

interface Token {
  session: Session;
  until: number;
}

const EARLY = 30_000;

/** Sessions keeps tokens by name (a handle or an address). */
export class Sessions {
  private readonly http: Http;
  private readonly now: () => number;
  private readonly tokens = new Map<string, Token>();
  private turn: Promise<unknown> = Promise.resolve();

  constructor(http: Http, now: () => number) {
    this.http = http;
    this.now = now;
  }

  /** session is the one in force, or a new one. */
  async session(name: string, signer: () => Signer): Promise<Session> {
    const held = this.tokens.get(name);
    if (held !== undefined && held.until > this.now()) {
      return held.session;
    }
    // One after the other: the gateway's cookie ties one challenge at a time to this browser.
    const mine = this.turn.catch(() => undefined).then(() => this.tokens.get(name)?.session ?? this.signIn(name, signer()));
    this.turn = mine;
    this.tokens.delete(name);
    return mine;
  }

  /** call calls with the token of name; when it has ended, signs in once more. */
  async call<T>(name: string, signer: () => Signer, work: (token: string) => Promise<T>): Promise<T> {
    try {
      return await work(await this.token(name, signer));
    } catch (error) {
      if (!isVolensError(error) || error.code !== "unauthenticated") {
        throw error;
      }
      this.tokens.delete(name);
      return work(await this.token(name, signer));
    }
  }

  /** json is call for one JSON answer. */
  json(name: string, signer: () => Signer, path: string, call: Omit<Call, "token"> = {}): Promise<unknown> {
    return this.call(name, signer, (token) => this.http.json(path, { ...call, token }));
  }

  /** end signs out, at the gateway too where it can be reached. */
  async end(name: string): Promise<void> {
    const token = this.tokens.get(name)?.session.accessToken;
    this.tokens.delete(name);
    if (token !== undefined) {
      await this.http.json("/auth/logout", { method: "POST", token }).catch(() => undefined);
    }
  }

  /** endAll forgets every token. */
  async endAll(): Promise<void> {
    await Promise.all([...this.tokens.keys()].map((name) => this.end(name)));
  }

  private async token(name: string, signer: () => Signer): Promise<string> {
    return (await this.session(name, signer)).accessToken ?? fail("unauthenticated", "the gateway gave no token");
  }

  private async signIn(name: string, signer: Signer): Promise<Session> {
    const session = "own" in signer ? await signer.own() : await this.withWallet(signer);
    this.tokens.set(name, { session, until: this.now() + (session.expiresIn ?? 0) * 1000 - EARLY });
    return session;
  }

  private async withWallet(signer: Extract<Signer, { key: Uint8Array }>): Promise<Session> {
    const challenge = (await this.http.json("/auth/challenge", { method: "POST", cookies: true })) as Challenge;
    const message = signInText(this.http.origin, addressOf(signer.key), challenge);
    const body: SignIn = { message, signature: sign(signer.key, personalDigest(message)), ...signer.opening };
    return (await this.http.json("/auth/sign-in", { method: "POST", body, cookies: true })) as Session;
  }
}
