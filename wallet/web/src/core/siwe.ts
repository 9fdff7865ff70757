/** The text that a person signs to sign in (ERC-4361), for the place that this app came from and no other. */
import { Refused } from "./error.ts";
import { checksummed } from "./key.ts";
import { CHAIN_ID } from "./typed.ts";
import type { Address } from "./types.ts";

/** What the gateway proposes. */
export interface Proposal {
  nonce: string;
  domain: string;
  uri: string;
  chainId: number;
  statement: string;
  issuedAt: string;
  expiresAt: string;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const LINE = /^[\x20-\x7e]*$/;

/** signInText writes the text. It refuses a proposal for another place or another chain: then somebody else would be signed in to. */
export function signInText(origin: string, address: Address, p: Proposal): string {
  const place = new URL(origin);
  const uri = new URL(p.uri);
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(place.hostname);
  if (place.protocol !== "https:" && !(place.protocol === "http:" && local)) {
    throw new Refused("unauthorized", "the place is not reached over https");
  }
  if (p.domain !== place.host || uri.origin !== place.origin || BigInt(p.chainId) !== CHAIN_ID) {
    throw new Refused("unauthorized", "the sign-in is for another place");
  }
  if (!/^[0-9a-zA-Z]{8,}$/.test(p.nonce) || !TIME.test(p.issuedAt) || !TIME.test(p.expiresAt) || !LINE.test(p.statement) || !LINE.test(p.uri)) {
    throw new Refused("malformed", "the sign-in text would not be plain");
  }
  const statement = p.statement === "" ? "" : `${p.statement}\n`;
  return (
    `${p.domain} wants you to sign in with your Ethereum account:\n${checksummed(address)}\n\n${statement}\n` +
    `URI: ${p.uri}\nVersion: 1\nChain ID: ${p.chainId}\nNonce: ${p.nonce}\nIssued At: ${p.issuedAt}\nExpiration Time: ${p.expiresAt}`
  );
}
