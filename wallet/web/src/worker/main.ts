/** The worker: the only place with keys, tokens and opened records. */
import { deviceStorage } from "../keys/storage.ts";
import { createCore } from "./core.ts";
import { dispatch, type Reply, type Request } from "./rpc.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;

const core = createCore({
  origin: scope.location.origin,
  fetch: (input, init) => fetch(input, init),
  storage: deviceStorage(),
  now: () => Date.now(),
  random: (bytes) => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>),
});

const post = (reply: Reply): void => scope.postMessage(reply);

core.listen((event) => post({ event }));

scope.onmessage = (message: MessageEvent<Request>) => {
  void dispatch(core, message.data).then(post);
};
