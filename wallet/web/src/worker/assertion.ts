/** Signing in as an organisation with private_key_jwt (RFC 7523, SMART Backend Services). */
import type { Http } from "../api/http.ts";
import type { Session } from "../api/wire.ts";
import { toBase64Url, toHex, utf8 } from "../core/bytes.ts";
import type { Member, MemberID } from "../core/types.ts";
import { algorithms, type Alg, type Public, publicFields } from "../keys/pem.ts";

const TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const LIFE = 240; // seconds

/** owner is the member in whose key set a key is, and its name there. */
export function owner(members: readonly Member[], key: Public): { member: Member; kid: string } | undefined {
  for (const member of members) {
    const kid = keysOf(member.jwks).find((k) => publicFields.every((f) => k[f] === key[f]))?.["kid"];
    if (kid !== undefined) {
      return { member, kid };
    }
  }
  return undefined;
}

function keysOf(jwks: string): Record<string, string | undefined>[] {
  try {
    const set = JSON.parse(jwks) as { keys?: unknown };
    return Array.isArray(set.keys) ? (set.keys as Record<string, string>[]) : [];
  } catch {
    return [];
  }
}

/** assertionSession trades an assertion for a token. */
export async function assertionSession(http: Http, now: number, random: (b: Uint8Array) => void, who: { member: MemberID; kid: string; alg: Alg; der: Uint8Array }): Promise<Session> {
  const id = new Uint8Array(16);
  random(id);
  const at = Math.floor(now / 1000);
  const part = (o: unknown): string => toBase64Url(utf8(JSON.stringify(o)));
  const text = `${part({ alg: who.alg, typ: "JWT", kid: who.kid })}.${part({ iss: who.member, sub: who.member, aud: `${http.origin}/oauth2/token`, jti: toHex(id), iat: at, exp: at + LIFE })}`;
  const { read, sign } = algorithms[who.alg];
  const key = await crypto.subtle.importKey("pkcs8", who.der as Uint8Array<ArrayBuffer>, read, false, ["sign"]);
  const signature = new Uint8Array(await crypto.subtle.sign(sign, key, utf8(text)));
  const form = new URLSearchParams({ grant_type: "client_credentials", client_assertion_type: TYPE, client_assertion: `${text}.${toBase64Url(signature)}` });
  const token = (await http.json("/oauth2/token", { method: "POST", form })) as { access_token: string; expires_in: number };
  const session = (await http.json("/auth/session", { token: token.access_token })) as Session;
  return { ...session, accessToken: token.access_token, expiresIn: token.expires_in };
}
