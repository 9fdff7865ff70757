import type { ErrorCode, VolensErrorShape } from "./volens.ts";

/** VolensError is what every refused promise of the app holds. */
export class VolensError extends Error implements VolensErrorShape {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryAfter?: number;

  constructor(code: ErrorCode, detail: string, retryAfter?: number) {
    super(`${code}: ${detail}`);
    this.name = "VolensError";
    this.code = code;
    this.detail = detail;
    if (retryAfter !== undefined) {
      this.retryAfter = retryAfter;
    }
  }
}

/** isVolensError also knows one that crossed from the worker. */
export function isVolensError(value: unknown): value is VolensErrorShape {
  return value instanceof Error && value.name === "VolensError" && "code" in value;
}

/** fail throws a VolensError. */
export function fail(code: ErrorCode, detail: string): never {
  throw new VolensError(code, detail);
}
