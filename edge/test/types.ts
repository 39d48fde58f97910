// Compiled and not run: what a user writes has the types that are promised.
import { Evaluator, type Answer, type Flags, type Subject } from "../src/index.js";

declare const module: WebAssembly.Module;
const flags: Flags = new Evaluator(module).load("{}", { timeZone: "Europe/Berlin" });
const subject: Subject = { distinctId: "u", groups: { company: 5 }, personProperties: { plan: "pro", tags: ["a"], gone: undefined } };
const answer: Answer = flags.evaluate("beta", subject, { now: new Date(), complete: ["person", "group:company"] });
const value: boolean | string | null = answer.value;
const names: string[] = flags.evaluateAll('{"distinct_id":"u"}', { keys: ["beta"] }).map((a) => a.key);
flags.free();

// @ts-expect-error: an answer does not change
answer.value = true;
// @ts-expect-error: a subject has an id
flags.evaluate("beta", { groups: {} });
// @ts-expect-error: not a runtime
flags.evaluate("beta", subject, { runtime: "moon" });

export { names, value };

import { worker, type KV, type Worker } from "../src/worker.js";

const made: Worker = worker(module, (env: { FLAGS: KV; SECRET: string }) => ({ kv: env.FLAGS, projectToken: "phc_x", secretKey: env.SECRET, serverKeys: ["k"] }));
// @ts-expect-error: a worker needs a project
worker(module, (env: { FLAGS: KV }) => ({ kv: env.FLAGS }));

export { made };
