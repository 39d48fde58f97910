import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Evaluator } from "../src/index.js";
import { project } from "./project.mjs";

const module = new WebAssembly.Module(readFileSync(new URL("../dist/hogflags.wasm", import.meta.url)));
const small = new WebAssembly.Module(readFileSync(new URL("../dist/hogflags-small.wasm", import.meta.url)));

const document = JSON.stringify({
  flags: [
    { id: 7, key: "beta", active: true, version: 3, filters: { groups: [{ properties: [{ key: "plan", type: "person", operator: "exact", value: ["pro"] }] }], payloads: { true: '"{\\"a\\":1}"' } } },
    { id: 8, key: "look", active: true, filters: { groups: [{ properties: [{ key: "email", type: "person", operator: "regex", value: "^(?!bot)\\w+@" }] }] } },
    { id: 9, key: "late", active: true, filters: { groups: [{ properties: [{ key: "seen", type: "person", operator: "is_date_after", value: "-7d" }] }] } },
    { id: 10, key: "client-only", active: true, evaluation_runtime: "client", filters: { groups: [{}] } },
    { id: 11, key: "child", active: true, filters: { groups: [{ properties: [{ key: "beta", type: "flag", operator: "flag_evaluates_to", value: true }] }] } },
    { id: 12, key: "team", active: true, filters: { aggregation_group_type_index: 0, groups: [{ properties: [{ key: "size", type: "group", group_type_index: 0, operator: "gt", value: 10 }] }] } },
  ],
  group_type_mapping: { 0: "company" },
  cohorts: {},
});

test("decided, inconclusive and not found", () => {
  const flags = new Evaluator(module).load(document);
  const pro = { distinctId: "u", personProperties: { plan: "pro" } };
  assert.deepEqual(flags.evaluate("beta", pro), {
    key: "beta", status: "decided", enabled: true, value: true, variant: null, payload: JSON.stringify('"{\\"a\\":1}"'), payloadKnown: true,
    reason: "condition_match", description: "Matched condition set 1", conditionIndex: 0, id: 7, version: 3, hasExperiment: false, missing: [],
  });
  assert.equal(flags.evaluate("beta", pro), flags.evaluate("beta", pro), "an answer is told once, and shared");
  const open = flags.evaluate("beta", { distinctId: "u" });
  assert.equal(open.status, "inconclusive");
  assert.equal(open.value, null);
  assert.deepEqual(open.missing, [{ kind: "person property", name: "plan", text: "person property plan" }]);
  assert.equal(flags.evaluate("beta", { distinctId: "u" }, { complete: ["person"] }).value, false);
  assert.equal(flags.evaluate("nope", pro).status, "not found");
  assert.equal(flags.evaluate("client-only", pro).status, "not found");
  assert.equal(flags.evaluate("client-only", pro, { runtime: "client" }).value, true);
  assert.equal(flags.explain("beta", pro).answer.reason, "condition_match");
  assert.equal(flags.explain("nope", pro), null);
  assert.equal(flags.evaluate("team", { distinctId: "u", groups: { company: 5 }, groupProperties: { company: { size: 11 } } }).value, true);
});

// Instances begin alike, as a started runtime that was written down, but for their
// randomness: who knows the module must not know how an instance seeds its tables.
test("each instance is reseeded from the host", () => {
  const started = (fill) => {
    const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: new Proxy({
      random_get(start, length) {
        new Uint8Array(exports.memory.buffer, start, length).fill(fill);
        return 0;
      },
    }, { get: (calls, name) => calls[name] ?? (() => 0) }) });
    const before = Buffer.from(exports.memory.buffer.slice(0));
    exports.reseed();
    return { before, after: Buffer.from(exports.memory.buffer.slice(0)) };
  };
  const differences = (a, b) => a.reduce((n, byte, i) => n + Number(byte !== b[i]), 0);
  const [one, same, other] = [started(2), started(2), started(3)];
  assert.equal(differences(one.before, other.before), 0);
  assert.equal(differences(one.after, same.after), 0);
  const state = 2 * (256 + 32); // the bytes of two generators of ChaCha8: the runtime's and its thread's
  assert.ok(differences(one.after, other.after) > 0.9 * state, `${differences(one.after, other.after)} bytes differ`);
  assert.ok(differences(one.before, one.after) > 0.9 * state);
});

test("all flags, and those named", () => {
  const flags = new Evaluator(module).load(document);
  const subject = { distinctId: "u", personProperties: { plan: "pro", email: "ann@x.org", seen: "2026-11-20T00:00:00Z" } };
  const keys = (answers) => answers.map((a) => `${a.key}:${a.value ?? a.status}`);
  const options = { now: Date.UTC(2026, 10, 22) };
  assert.deepEqual(keys(flags.evaluateAll(subject, options)), ["beta:true", "look:true", "late:true", "child:true", "team:false"]);
  assert.deepEqual(keys(flags.evaluateAll(subject, { ...options, keys: ["child", "nope", "client-only", "beta"] })), ["child:true", "client-only:not found", "beta:true", "nope:not found"]);
  assert.deepEqual(keys(flags.evaluateAll(subject, { keys: [] })), []);
  assert.equal(flags.evaluate("late", subject, { now: new Date("2027-11-22") }).value, false, "time comes in");
  assert.deepEqual(flags.catalog.flags.find((f) => f.key === "child").needs, ["beta"]);
});

test("flags that share a key are undecided, and the others are themselves", () => {
  const flag = (id, key, on) => ({ id, key, active: on, filters: { groups: [{}] } });
  const flags = new Evaluator(module).load({ flags: [flag(1, "twin", true), flag(2, "a", true), flag(3, "twin", false), flag(4, "b", false), flag(5, "c", true)] });
  assert.deepEqual(flags.keys, ["twin", "a", "b", "c"]);
  assert.deepEqual(flags.evaluateAll({ distinctId: "u" }).map((a) => [a.key, a.value]), [["twin", null], ["a", true], ["b", false], ["c", true]]);
  for (const [key, id, value] of [["twin", 1, null], ["a", 2, true], ["b", 4, false], ["c", 5, true]]) {
    const answer = flags.evaluate(key, { distinctId: "u" });
    assert.deepEqual([answer.key, answer.id, answer.value], [key, id, value]);
  }
});

test("JSON keeps how a number is written", () => {
  const flags = new Evaluator(module).load({ flags: [{ key: "n", active: true, filters: { groups: [{ properties: [{ key: "v", type: "person", operator: "exact", value: "1.0" }] }] } }] });
  assert.equal(flags.evaluate("n", '{"distinct_id":"u","person_properties":{"v":1.0}}').value, true);
  assert.equal(flags.evaluate("n", new TextEncoder().encode('{"distinct_id":"u","person_properties":{"v":1}}')).value, false);
});

test("bad input is one clear error, and nothing breaks", () => {
  const evaluator = new Evaluator(module);
  const flags = evaluator.load(document);
  for (const [call, message] of [
    [() => evaluator.load("{}"), /load definitions: .*"flags"/],
    [() => evaluator.load("<html>"), /load definitions/],
    [() => evaluator.load(document, { timeZone: "Mars/Base" }), /time zone "Mars\/Base"/],
    [() => flags.evaluate("beta", "[1]"), /read subject/],
    [() => flags.evaluate("beta", "null"), /not an object/],
    [() => flags.evaluate("beta", '{"distinct_id":"u"} {}'), /not one JSON value/],
    [() => flags.evaluate("beta", { distinctId: true }), /distinct_id: want a string/],
    [() => flags.evaluate("beta", { distinctId: 1.5 }), /distinct_id: want a string/],
    [() => flags.evaluate("beta", { distinctId: "u", personProperties: "x" }), /person_properties: want an object/],
    [() => flags.evaluate("beta", { distinctId: "u" }, { complete: ["persons"] }), /neither "person" nor/],
    [() => flags.evaluate("beta", { distinctId: "u" }, { now: new Date("soon") }), /not a time/],
    [() => flags.evaluate("beta", { distinctId: "u" }, { runtime: "moon" }), /want "server", "client"/],
    [() => flags.evaluate("beta", `{"distinct_id":"u","person_properties":{"deep":${"[".repeat(20000)}${"]".repeat(20000)}}}`), /read subject/],
  ]) {
    assert.throws(call, message);
    assert.equal(flags.evaluate("beta", { distinctId: "u", personProperties: { plan: "pro" } }).value, true);
  }
  flags.free();
  flags.free();
  assert.throws(() => flags.evaluate("beta", { distinctId: "u" }), /have been freed/);
  assert.equal(evaluator.load(document).evaluate("beta", { distinctId: "u", personProperties: { plan: "x" } }).value, false);
});

test("text of any kind and size crosses the boundary", () => {
  const flags = new Evaluator(module).load(document);
  for (const size of [0, 1, 1000, 65536, 1 << 20]) {
    for (const text of ["a", "é", "😀", "\ud800"]) {
      const personProperties = { plan: "pro", filler: text.repeat(size) };
      assert.equal(flags.evaluate("beta", { distinctId: text.repeat(Math.min(size, 300)), personProperties }).value, true);
    }
  }
});

test("the small build lacks the backtracking machine and time zones, and says so", () => {
  const evaluator = new Evaluator(small);
  const flags = evaluator.load(document);
  const subject = { distinctId: "u", personProperties: { plan: "pro", email: "ann@x.org" } };
  assert.equal(flags.evaluate("beta", subject).value, true);
  assert.equal(flags.evaluate("look", subject).status, "inconclusive");
  assert.equal(new Evaluator(module).load(document).evaluate("look", subject).value, true);
  assert.throws(() => evaluator.load(document, { timeZone: "Europe/Berlin" }), /not known to this build/);
  evaluator.load(document, { timeZone: "UTC" });
});

test("100,000 evaluations and 200 reloads take no more memory", () => {
  const evaluator = new Evaluator(module);
  const definitions = project(100);
  let flags = evaluator.load(definitions);
  const evaluations = (from, to) => {
    for (let i = from; i < to; i++) {
      const subject = { distinctId: `user-${i}`, personProperties: i % 3 ? { plan: i % 2 ? "pro" : "free", email: `u${i}@example.com`, seats: i } : {} };
      if (i % 100 === 0) flags.evaluateAll(subject);
      else flags.evaluate(`flag-${String(i % 100).padStart(3, "0")}`, subject);
    }
  };
  evaluations(0, 5000);
  // The collector may need a few pages more at times. Eight bytes kept of each
  // evaluation would be twelve, and of a reload there is more to keep.
  const few = 8 << 16;
  const settled = evaluator.memoryBytes;
  evaluations(5000, 105000);
  assert.ok(evaluator.memoryBytes - settled <= few, `of evaluations: ${settled} bytes before, ${evaluator.memoryBytes} after`);
  const reload = () => {
    const old = flags;
    flags = evaluator.load(definitions);
    old.free();
    evaluations(0, 10);
  };
  for (let i = 0; i < 20; i++) reload();
  const reloaded = evaluator.memoryBytes;
  for (let i = 0; i < 180; i++) reload();
  assert.ok(evaluator.memoryBytes - reloaded <= few, `of reloads: ${reloaded} bytes before, ${evaluator.memoryBytes} after`);
  assert.ok(reloaded < 32 << 20, `${reloaded} bytes`);
});
