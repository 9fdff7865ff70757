/** The way to the gateway: one origin, JSON, problems (RFC 9457) as errors, retries where they can do no harm. */
import { VolensError } from "./error.ts";
import type { ErrorCode } from "./volens.ts";
import type { Problem } from "./wire.ts";

/** What a call may say beside its path. */
export interface Call {
  method?: "GET" | "POST";
  body?: unknown;
  /** A form in the place of a JSON body. */
  form?: URLSearchParams;
  token?: string;
  /** The answer's cookie ties a sign-in to this browser. */
  cookies?: boolean;
  /** Asking again does no harm: network faults and 503 are tried again. */
  again?: boolean;
}

/** Http calls one gateway. */
export class Http {
  readonly origin: string;
  private readonly send: typeof fetch;
  private readonly wait: (ms: number) => Promise<void>;

  constructor(origin: string, send: typeof fetch, wait?: (ms: number) => Promise<void>) {
    this.origin = origin;
    this.send = send;
    this.wait = wait ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  }

  /** json is the answer's body. */
  async json(path: string, call: Call = {}): Promise<unknown> {
    return (await this.answer(path, call)).json() as Promise<unknown>;
  }

  /** text is the answer's body as it stands. */
  async text(path: string, call: Call = {}): Promise<string> {
    return (await this.answer(path, call)).text();
  }

  /** bytes is the answer's body. */
  async bytes(path: string, call: Call = {}): Promise<Uint8Array> {
    return new Uint8Array(await (await this.answer(path, call)).arrayBuffer());
  }

  /** stream opens an answer that does not end. */
  async stream(path: string, token: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const r = await this.once(path, { token }, signal);
    return r.body ?? Promise.reject(new VolensError("offline", "the gateway answers nothing"));
  }

  private async answer(path: string, call: Call): Promise<Response> {
    const tries = call.again === true ? 3 : 1;
    for (let n = 1; ; n++) {
      try {
        return await this.once(path, call, AbortSignal.timeout(40_000));
      } catch (error) {
        const passing = error instanceof VolensError && ["offline", "unavailable"].includes(error.code);
        if (n >= tries || !passing) {
          throw error;
        }
        await this.wait(Math.min((error.retryAfter ?? 0) * 1000, 5000) + 300 * n);
      }
    }
  }

  private async once(path: string, call: Call, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = {};
    if (call.token !== undefined) {
      headers["Authorization"] = `Bearer ${call.token}`;
    }
    if (call.body !== undefined) {
      headers["Content-Type"] = "application/json";
    }
    const init: RequestInit = {
      method: call.method ?? "GET", headers, signal, cache: "no-store", redirect: "error", referrerPolicy: "no-referrer",
      credentials: call.cookies === true ? "same-origin" : "omit",
    };
    if (call.body !== undefined) {
      init.body = JSON.stringify(call.body);
    } else if (call.form !== undefined) {
      init.body = call.form; // with its own Content-Type
    }
    let response: Response;
    try {
      response = await this.send(this.origin + path, init);
    } catch {
      throw new VolensError("offline", "the gateway cannot be reached");
    }
    if (!response.ok) {
      throw await problemOf(response);
    }
    return response;
  }
}

async function problemOf(response: Response): Promise<VolensError> {
  const after = Number(response.headers.get("Retry-After") ?? "");
  const retryAfter = Number.isFinite(after) && after > 0 ? after : undefined;
  try {
    const problem = (await response.json()) as Problem;
    if (typeof problem.code === "string") {
      return new VolensError(problem.code as ErrorCode, problem.detail ?? problem.title, retryAfter);
    }
  } catch {
    // An answer by something between: said below.
  }
  return new VolensError(response.status >= 500 ? "unavailable" : "internal", `the gateway answered ${response.status}`, retryAfter);
}
