// Measures this package beside posthog-node in workerd, with the same definitions
// in the same KV namespace: node bench.mjs. Both clients are warm; time is taken
// outside of the runtime, whose own clock stands still while it computes.
import assert from "node:assert/strict";

import { project } from "./project.mjs";
import { bundle, start } from "./runtime.mjs";

const TOKEN = "phc_bench";
const document = project(100);
const { flags, group_type_mapping: groupTypeMapping, cohorts } = JSON.parse(document);
const value = JSON.stringify({ flags, groupTypeMapping, cohorts });
const names = ["bench", "posthog"];

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
async function timed(f) {
  const from = performance.now();
  const result = await f();
  return [performance.now() - from, result];
}
async function started(name) {
  const runtime = await start(name, { TOKEN, HOST: "https://posthog.test" }, () => assert.fail("a request while serving"));
  await (await runtime.getKVNamespace("FLAGS")).put(`posthog:flags:${TOKEN}`, value);
  return runtime;
}
const ask = async (runtime, n) => (await runtime.dispatchFetch(`https://edge.test/?n=${n}`)).json();

for (const name of names) await bundle(name);
const cold = { bench: [], posthog: [], bare: [] };
const warm = { bench: [], posthog: [] };
const small = { bench: [], posthog: [] };
const runtimes = {};
for (let round = 0; round < 7; round++) {
  for (const name of names) {
    const [up, runtime] = await timed(() => started(name));
    const [first] = await timed(() => ask(runtime, 1));
    cold[name].push({ up, first });
    if (round === 6) runtimes[name] = runtime;
    else await runtime.dispose();
  }
}
for (const name of names) await ask(runtimes[name], 500); // so that both are compiled for speed
assert.deepEqual(await ask(runtimes.bench, 20), await ask(runtimes.posthog, 20), "both say the same");
for (let round = 0; round < 7; round++) {
  for (const name of names) {
    const [time] = await timed(() => ask(runtimes[name], 500));
    const [one] = await timed(() => ask(runtimes[name], 1));
    warm[name].push((1000 * time) / 500);
    small[name].push(one);
  }
}
const line = (name) => ({
  "start of the runtime with it, ms": median(cold[name].map((c) => c.up)).toFixed(0),
  "first request, ms": median(cold[name].map((c) => c.first)).toFixed(1),
  "both, ms": median(cold[name].map((c) => c.up + c.first)).toFixed(0),
  "all of 100 flags, µs": median(warm[name]).toFixed(0),
});
console.table({ "@hogflags/edge": line("bench"), "posthog-node": line("posthog") });
for (const name of names) await runtimes[name].dispose();
