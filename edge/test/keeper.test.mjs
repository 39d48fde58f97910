import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";

import { encode, scopeOf } from "../src/entry.js";
import { Keeper } from "../src/keeper.js";
import { project } from "./project.mjs";

const module = new WebAssembly.Module(readFileSync(new URL("../dist/hogflags.wasm", import.meta.url)));
const [projectToken, host] = ["phc_edge", "https://posthog.test"];

/** A namespace that holds one document, and answers when it may. */
async function namespace() {
  const body = new TextEncoder().encode(project(3));
  const { value, metadata } = await encode(body, { scope: await scopeOf(projectToken, host), epoch: 1, seq: 1, etag: "", fetched: 1, checked: 1 });
  const kv = {
    reads: 0,
    held: Promise.resolve(),
    async getWithMetadata() {
      kv.reads++;
      await kv.held;
      return { value: new Response(value).body, metadata };
    },
  };
  return kv;
}

/** A keeper that has read once, with a read under way that ends when go is called. */
async function reading(t) {
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  t.after(() => mock.timers.reset());
  const kv = await namespace();
  const config = { kv, projectToken, host, refreshSeconds: 30 };
  const keeper = new Keeper(module);
  const pending = [];
  const ready = () => keeper.ready(config, { waitUntil: (promise) => pending.push(promise) });
  await ready();
  assert.ok(keeper.flags);
  let go;
  kv.held = new Promise((resolve) => (go = resolve));
  mock.timers.tick(31_000);
  await ready();
  assert.equal(kv.reads, 2);
  return { kv, keeper, ready, go, ended: () => Promise.all(pending) };
}

test("an evaluator that crashes during a read of what it holds is replaced", async (t) => {
  const { keeper, ready, go, ended } = await reading(t);
  const digest = crypto.subtle.digest.bind(crypto.subtle);
  let next;
  t.mock.method(crypto.subtle, "digest", (...args) => { // the read waits here, and knows what is stored
    if (next === undefined) {
      Object.defineProperty(keeper.evaluator, "broken", { value: true });
      next = ready();
    }
    return digest(...args);
  });
  go();
  await ended();
  await next;
  assert.ok(keeper.flags, "there are flags to answer from");
});

test("flags are as old as the beginning of the read that they come from", async (t) => {
  const { kv, ready, go, ended } = await reading(t);
  mock.timers.tick(3_600_000); // the isolate sleeps
  go();
  await ended();
  const before = kv.reads;
  await ready();
  assert.equal(kv.reads, before + 1, "it is read again");
});
