/**
 * The keys that are believed. Whoever hands them over vouches for them: the hospital's server, whose operator chose the list
 * (volens serve --trust). A zero list believes nobody.
 */
import { type Bytes, fromBase64, fromBase64Url, toBase64Url, toHex, utf8 } from "../core/bytes.ts";
import { listIn, member, textIn, Unreadable } from "./certificate.ts";
import { parseX509, type X509 } from "./x509.ts";

/** A health card issuer's key; version is that of the newest revocation list, 0 for none. */
interface CardKey {
  key: CryptoKey;
  version: number;
}

/** Ids that are revoked: all of them, or those issued before a time (millis). */
interface Revocations {
  version: number;
  before: Map<string, number | undefined>;
}

const digest = async (bytes: Bytes): Promise<Uint8Array> => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

/** Trust is a list of them. */
export class Trust {
  private readonly certificates = new Map<string, X509[]>();
  private readonly issuers = new Map<string, Map<string, CardKey>>();
  private readonly lists = new Map<string, Revocations>();

  /** signers are the certificates with a kid; rule (c). */
  signers(kid: Uint8Array): X509[] {
    return kid.length === 0 ? [] : (this.certificates.get(toHex(kid)) ?? []);
  }

  cardKey(issuer: string, kid: string): CardKey | undefined {
    return this.issuers.get(issuer)?.get(kid);
  }

  /** revoked judges rule (h): why a card is not to be believed, "" when there is no reason. */
  revoked(issuer: string, kid: string, key: CardKey, id: string, issued: number): string {
    if (key.version === 0 || id === "") {
      return "";
    }
    const list = this.lists.get(`${issuer}#${kid}`);
    if (list?.version !== key.version) {
      return "whether it was revoked cannot be found out without the list that belongs to its key";
    }
    const before = list.before.get(id);
    return list.before.has(id) && (before === undefined || issued < before) ? "its issuer has revoked it" : "";
  }

  /** add takes one part of a trust list: a did:web document, { pem }, or { iss, jwks, crls }. */
  async add(part: unknown): Promise<void> {
    const pem = textIn(part, "pem");
    if (pem !== "") {
      for (const m of pem.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g)) {
        await this.addCertificate(fromBase64((m[1] ?? "").replace(/\s/g, "")));
      }
    } else if (textIn(part, "iss") !== "") {
      await this.addIssuer(textIn(part, "iss"), member(part, "jwks"));
      for (const list of listIn(part, "crls")) {
        this.addRevocations(textIn(part, "iss"), list);
      }
    } else {
      await this.addDid(part);
    }
  }

  async addCertificate(der: Bytes): Promise<void> {
    const kid = toHex((await digest(der)).subarray(0, 8));
    this.certificates.set(kid, [...(this.certificates.get(kid) ?? []), parseX509(der)]);
  }

  /** addDid trusts the document signers (usage DSC) of a did:web document. The key is that of the certificate. */
  private async addDid(doc: unknown): Promise<void> {
    if (!textIn(doc, "id").startsWith("did:web:")) {
      throw new Unreadable("this is no did:web document");
    }
    for (const method of listIn(doc, "verificationMethod")) {
      const id = textIn(method, "id");
      const [der] = listIn(member(method, "publicKeyJwk"), "x5c");
      if (typeof method === "object" && id.split("#")[0]?.endsWith(":DSC") === true && typeof der === "string") {
        await this.addCertificate(fromBase64(der));
      }
    }
  }

  /** addIssuer trusts the JWK set of a health card issuer; rule (d). One key that is wrong refuses all. */
  async addIssuer(url: string, jwks: unknown): Promise<void> {
    checkIssuer(url);
    const list = listIn(jwks, "keys");
    if (list.length === 0) {
      throw new Unreadable("this is no set of keys");
    }
    this.issuers.set(url, new Map(await Promise.all(list.map(cardKeyOf))));
  }

  addRevocations(url: string, list: unknown): void {
    const kid = textIn(list, "kid");
    const version = member(list, "ctr");
    if (kid === "" || member(list, "method") !== "rid" || typeof version !== "number" || version < 1) {
      throw new Unreadable("this is no revocation list");
    }
    const before = new Map<string, number | undefined>();
    for (const text of listIn(list, "rids")) {
      const m = /^([A-Za-z0-9_-]{1,24})(?:\.(\d+))?$/.exec(typeof text === "string" ? text : "");
      if (m === null) {
        throw new Unreadable("a revocation id is none");
      }
      before.set(m[1] ?? "", m[2] === undefined ? undefined : Number(m[2]) * 1000);
    }
    this.lists.set(`${url}#${kid}`, { version, before });
  }
}

/** checkIssuer judges an issuer's name: an https URL without a slash at its end. */
export function checkIssuer(url: string): void {
  if (!/^https:\/\/./.test(url) || url.endsWith("/")) {
    throw new Unreadable("an issuer is an https URL without a slash at its end");
  }
}

async function cardKeyOf(jwk: unknown): Promise<[string, CardKey]> {
  const text = (name: string): string => textIn(jwk, name);
  const [kty, crv, x, y, kid] = ["kty", "crv", "x", "y", "kid"].map(text);
  if (kty !== "EC" || crv !== "P-256" || member(jwk, "d") !== undefined || text("use") !== "sig" || text("alg") !== "ES256" || x === undefined || y === undefined) {
    throw new Unreadable('a key is public, EC and P-256, with "use" sig and "alg" ES256');
  }
  const name = toBase64Url(await digest(utf8(JSON.stringify({ crv, kty, x, y }))));
  if (kid !== name) {
    throw new Unreadable("a key is named by its thumbprint");
  }
  await checkChain(listIn(jwk, "x5c"), x, y);
  const key = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]).catch(() => {
    throw new Unreadable("a key is no point of its curve");
  });
  const version = member(jwk, "crlVersion");
  return [name, { key, version: typeof version === "number" ? version : 0 }];
}

// The certificate that goes with a key is of that key.
async function checkChain(chain: unknown[], x: string, y: string): Promise<void> {
  const [first] = chain;
  if (first === undefined) {
    return;
  }
  const point = parseX509(fromBase64(typeof first === "string" ? first : "")).key.slice(-64);
  if (toHex(point) !== toHex(fromBase64Url(x)) + toHex(fromBase64Url(y))) {
    throw new Unreadable("the certificate is of another key");
  }
}
