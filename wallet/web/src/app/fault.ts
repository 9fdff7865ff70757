import type { ErrorCode } from "../api/volens.ts";

/** The sentence for an error: several codes mean the same to a person. */
const sentences: Partial<Record<ErrorCode, string>> = {
  offline: "offline",
  unavailable: "unavailable",
  fenced: "unavailable",
  unknown: "unknown",
  conflict: "conflict",
  "too-early": "tooEarly",
  recovery: "recovery",
  certificate: "certificate",
  unauthenticated: "unauthenticated",
  locked: "unauthenticated",
  unauthorized: "unauthorized",
  signature: "unauthorized",
  expired: "expired",
  erased: "erased",
  "not-found": "notFound",
  subject: "notFound",
  "rate-limited": "rateLimited",
  state: "state",
  closed: "state",
  exists: "exists",
  "exists-here": "exists",
  full: "full",
  "too-large": "tooLarge",
  storage: "storage",
  proof: "proof",
  receipt: "proof",
  roster: "proof",
  text: "proof",
  rollback: "history",
  fork: "history",
  pinned: "pinned",
  password: "passphrase",
  "weak-password": "weak",
  invitation: "invitation",
  "other-gateway": "elsewhere",
  key: "key",
  unsupported: "unsupported",
  malformed: "malformed",
  corrupt: "corrupt",
};

/** The key of the sentence that an error means to a person, and the code that a helper may ask for. */
export function faultOf(error: unknown): { sentence: string; code?: string } {
  const code = codeOf(error);
  if (code === undefined) return { sentence: "other" };
  return { sentence: sentences[code as ErrorCode] ?? "other", code };
}

/** The stable code of an error, where it has one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "string") return error.code;
  return undefined;
}
