// Measures this package beside posthog-node in workerd, with the same definitions
// in KV, on Linux: node bench.mjs [ROUNDS]. A cold start is a new process until its
// first answer to all flags; the Workers take turns. A busy machine lengthens wall
// clock most and minima least, so there are both, and the time of the processor.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { project } from "./project.mjs";
import { bundle } from "./runtime.mjs";
import { namespace, prepare, run } from "./workerd.mjs";

const rounds = Number(process.argv[2] ?? 20);
const many = 500; // evaluations of all flags in one request
const requests = 200; // for one evaluation each
const TOKEN = "phc_bench";
const { flags, group_type_mapping: groupTypeMapping, cohorts } = JSON.parse(project(100));
const kv = await namespace(JSON.stringify({ flags, groupTypeMapping, cohorts }));
const wasm = (name) => readFileSync(new URL(`../dist/${name}.wasm`, import.meta.url));
const texts = { TOKEN, HOST: "http://posthog.test" };
const workers = {
  "empty Worker": prepare(await bundle("bare"), undefined, texts, kv.address),
  "posthog-node": prepare(await bundle("posthog"), undefined, texts, kv.address),
  "@hogflags/edge": prepare(await bundle("bench"), wasm("hogflags"), texts, kv.address),
  "small build": prepare(await bundle("bench"), wasm("hogflags-small"), texts, kv.address),
};

const cold = {};
const warm = {};
for (let round = 0; round < rounds; round++) {
  for (const name of Object.keys(workers)) (cold[name] ??= []).push(await coldStart(name));
}
const right = await answers("posthog-node");
for (const name of ["@hogflags/edge", "small build"]) assert.deepEqual(await answers(name), right, "all say the same");
for (let round = 0; round < Math.min(rounds, 5); round++) {
  for (const name of Object.keys(workers)) (warm[name] ??= []).push(await warmRequests(name));
}
kv.close();

const summary = (lists) => Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, Object.fromEntries(Object.keys(list[0]).map((what) => {
  const sorted = list.map((measured) => measured[what]).sort((a, b) => a - b);
  return [what, `${sorted[0].toFixed(1)}  ${sorted[sorted.length >> 1].toFixed(1)}`];
}))]));
console.log(`cold start, ms: minimum and median of ${rounds}`);
console.table(summary(cold));
console.log(`warm: minimum and median of ${Math.min(rounds, 5)}`);
console.table(summary(warm));

async function coldStart(name) {
  const from = performance.now();
  const worker = await run(workers[name]);
  const up = performance.now();
  const answer = await worker.ask("/?n=1");
  const end = performance.now();
  const { all, main } = worker.processor();
  assert.equal(Object.keys(answer).length, name === "empty Worker" ? 0 : 100);
  await worker.stop();
  return { "processor, all": all, "main thread": main, "wall clock": end - from, "of that until it listens": up - from, "its first request": end - up };
}

async function warmRequests(name) {
  const worker = await run(workers[name]);
  await worker.ask(`/?n=${many}`);
  for (let i = 0; i < requests; i++) await worker.ask("/?n=1"); // so that all is compiled for speed
  const ran = async (calls, path) => {
    const before = worker.processor().all;
    const from = performance.now();
    for (let i = 0; i < calls; i++) await worker.ask(path);
    return { processor: worker.processor().all - before, wall: performance.now() - from };
  };
  const inside = await ran(1, `/?n=${many}`);
  const whole = await ran(requests, "/?n=1");
  await worker.stop();
  return {
    "all flags, processor µs": (1000 / many) * inside.processor, "wall µs": (1000 / many) * inside.wall,
    "request for all flags, processor µs": (1000 / requests) * whole.processor, "request, wall µs": (1000 / requests) * whole.wall,
  };
}

async function answers(name) {
  const worker = await run(workers[name]);
  const answer = await worker.ask("/?n=20");
  await worker.stop();
  return answer;
}
