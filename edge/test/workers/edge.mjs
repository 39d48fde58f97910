// The Worker as a user writes it, with a KV namespace that may answer late.
import module from "./hogflags.wasm";

import { worker } from "../../src/worker.js";

export default worker(module, (env) => ({
  kv: env.ECHO ? lagging(env.FLAGS) : env.FLAGS,
  projectToken: env.TOKEN,
  host: env.HOST,
  secretKey: env.SECRET,
  serverKeys: env.SERVER_KEY ? [env.SERVER_KEY] : [],
  forward: env.FORWARD,
  refreshSeconds: env.REFRESH,
}));

// Every other read is of what was there before.
let reads = 0;
function lagging(kv) {
  return {
    put: (...args) => kv.put(...args),
    async getWithMetadata(key, options) {
      if (reads++ % 2 === 1) {
        const old = await kv.getWithMetadata(`old:${key}`, options);
        if (old.value !== null) return old;
      }
      return kv.getWithMetadata(key, options);
    },
  };
}
