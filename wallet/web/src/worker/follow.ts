/** Notices: server-sent events over a request that carries the token, which EventSource cannot. */
import { isVolensError } from "../api/error.ts";
import type { VolensEvent } from "../api/volens.ts";
import type { Notice } from "../api/wire.ts";
import type { Handle } from "../core/types.ts";
import type { Context } from "./context.ts";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 60_000;

/** readEvents calls back for the data of every event in a stream's text. */
export async function readEvents(stream: ReadableStream<Uint8Array>, told: (data: string) => void): Promise<void> {
  const reader = stream.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    rest += value;
    const events = rest.split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (data !== "") {
        told(data);
      }
    }
  }
}

/** Follower keeps one stream open for each handle until it is stopped. */
export class Follower {
  private readonly cx: Context;
  private readonly tell: (event: VolensEvent) => void;
  private readonly open = new Map<Handle, AbortController>();

  constructor(cx: Context, tell: (event: VolensEvent) => void) {
    this.cx = cx;
    this.tell = tell;
  }

  /** follow begins; following what is followed changes nothing. */
  follow(handle: Handle): void {
    const s = this.cx.subject(handle);
    this.cx.needHere(s);
    if (!this.open.has(handle)) {
      const stop = new AbortController();
      this.open.set(handle, stop);
      void this.run(handle, stop.signal);
    }
  }

  stop(): void {
    this.open.forEach((stop) => stop.abort());
    this.open.clear();
  }

  private async run(handle: Handle, signal: AbortSignal): Promise<void> {
    const stopped = (): boolean => signal.aborted;
    let wait = FIRST_WAIT;
    while (!stopped()) {
      try {
        await this.once(handle, signal, () => {
          wait = FIRST_WAIT;
        });
      } catch (error) {
        if (stopped() || (isVolensError(error) && ["locked", "subject", "unauthorized", "erased"].includes(error.code))) {
          break;
        }
      }
      this.tell({ type: "online", handle, up: false });
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
    if (!stopped()) {
      this.open.delete(handle);
    }
  }

  private async once(handle: Handle, signal: AbortSignal, up: () => void): Promise<void> {
    const s = this.cx.subject(handle);
    const stream = await this.cx.sessions.call(handle, () => this.cx.signer(s), (token) => this.cx.http.stream("/v1/me/notices", token, signal));
    up();
    this.tell({ type: "online", handle, up: true });
    await readEvents(stream, (data) => {
      const notice = JSON.parse(data) as Notice;
      this.tell({ type: "notice", handle, kind: notice.kind, seq: notice.seq });
    });
  }
}
