/** Calls between the page and the worker: a method's path and its arguments one way, its value or error the other. */
import { VolensError } from "../api/error.ts";
import type { ErrorCode, VolensEvent } from "../api/volens.ts";

/** From the page. */
export interface Request {
  id: number;
  path: [part: string, method: string];
  args: unknown[];
}

/** What crosses of an error. */
export interface WireError {
  code: ErrorCode;
  detail: string;
  retryAfter?: number;
}

/** From the worker. */
export type Reply = { id: number; value: unknown } | { id: number; error: WireError } | { event: VolensEvent };

/** toWire makes an error that can cross. What is no VolensError is a fault of the program and says nothing of its data. */
export function toWire(error: unknown): WireError {
  if (error instanceof VolensError) {
    const { code, detail, retryAfter } = error;
    return retryAfter === undefined ? { code, detail } : { code, detail, retryAfter };
  }
  return { code: "internal", detail: error instanceof Error ? error.name : "a fault of the program" };
}

/** fromWire makes the error again. */
export function fromWire(error: WireError): VolensError {
  return new VolensError(error.code, error.detail, error.retryAfter);
}

type Part = Record<string, (...args: unknown[]) => unknown>;

/** dispatch calls the method that a request names; only own functions of the named parts can be. */
export async function dispatch(target: object, request: Request): Promise<Reply> {
  const [part, method] = request.path;
  try {
    const object = part === "" ? target : Object.hasOwn(target, part) ? (target as Record<string, unknown>)[part] : undefined;
    const own = typeof object === "object" && object !== null && Object.hasOwn(object, method) ? (object as Part)[method] : undefined;
    if (typeof own !== "function") {
      return { id: request.id, error: { code: "internal", detail: "there is no such method" } };
    }
    return { id: request.id, value: await own(...request.args) };
  } catch (error) {
    return { id: request.id, error: toWire(error) };
  }
}
