// What workers/posthog.mjs measures, with this package.
import module from "./hogflags.wasm";

import { Evaluator } from "../../src/index.js";

const evaluator = new Evaluator(module);
let flags;

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    flags ??= evaluator.load(await env.FLAGS.get(`posthog:flags:${env.TOKEN}`, "arrayBuffer"));
    let values;
    for (let i = 0, n = Number(url.searchParams.get("n") ?? 1); i < n; i++) {
      const personProperties = { plan: i % 2 ? "pro" : "free", email: `u${i}@example.com`, country: "DE", seats: i % 20 };
      values = Object.fromEntries(flags.evaluateAll({ distinctId: `user-${i}`, personProperties }).map((a) => [a.key, a.value]));
    }
    return Response.json(values);
  },
};
