/** The contract's codes (chaincode/FORMAT.md section 10) that reading and checking can end in. */
export type RefusalCode = "malformed" | "too-large" | "signature" | "unauthorized" | "not-found" | "conflict" | "exists";

/** Refused is thrown for whatever is not in the accepted form or does not prove what it claims. */
export class Refused extends Error {
  readonly code: RefusalCode | "proof";

  constructor(code: RefusalCode | "proof", why: string) {
    super(why);
    this.name = "Refused";
    this.code = code;
  }
}

/** malformed throws the most common one. */
export function malformed(why: string): never {
  throw new Refused("malformed", why);
}
