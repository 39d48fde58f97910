import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";

import { Response } from "miniflare";
import { PostHog as Client } from "posthog-node";

import { decode, encode } from "../src/entry.js";
import { project } from "./project.mjs";
import { start } from "./runtime.mjs";

const TOKEN = "phc_edge";
const HOST = "https://posthog.test";
const KEY = `posthog:flags:${TOKEN}`;

/** n flags, and one that nothing but a property decides. */
function documentOf(n, plan = "pro") {
  const document = JSON.parse(project(n));
  document.flags.push({ id: 99, key: "gated", active: true, version: 2, filters: { groups: [{ properties: [{ key: "plan", type: "person", operator: "exact", value: [plan] }] }], payloads: { true: '{"size":1}' } } });
  return JSON.stringify(document);
}

/** PostHog, as much of it as the writer and a proxy meet. */
class PostHog {
  document = documentOf(3);
  requests = [];
  failure = 0;

  outbound = async (request) => {
    const url = new URL(request.url);
    const etag = `W/"${createHash("sha256").update(this.document).digest("hex").slice(0, 16)}"`;
    this.requests.push(`${request.method} ${url.pathname}${request.headers.has("If-None-Match") ? " conditional" : ""}`);
    if (this.failure !== 0) return new Response("no", { status: this.failure });
    if (url.pathname === "/flags/definitions") {
      assert.equal(url.host, "posthog.test");
      assert.equal(url.searchParams.get("token"), TOKEN);
      if (request.headers.get("Authorization") !== "Bearer phs_secret") return new Response("{}", { status: 401 });
      if (request.headers.get("If-None-Match") === etag) return new Response(null, { status: 304, headers: { ETag: etag } });
      return new Response(this.document, { headers: { ETag: etag, "Content-Type": "application/json" } });
    }
    return Response.json({ forwarded: await request.text(), authorization: request.headers.get("Authorization") });
  };
}

const running = [];
after(() => Promise.all(running.map((runtime) => runtime.dispose())));

async function fleet(bindings = {}) {
  const posthog = new PostHog();
  const runtime = await start("edge", { TOKEN, HOST, SECRET: "phs_secret", SERVER_KEY: "server-key", ...bindings }, posthog.outbound);
  running.push(runtime);
  const kv = await runtime.getKVNamespace("FLAGS");
  const worker = await runtime.getWorker();
  const write = () => worker.scheduled({ cron: "* * * * *" });
  const post = (path, body, headers = {}) =>
    runtime.dispatchFetch(`https://edge.test${path}`, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), headers });
  return { posthog, kv, write, post, url: String(await runtime.ready) };
}

const person = { plan: "pro", email: "ann@example.com", country: "DE", seats: 5 };
const request = (more) => ({ token: TOKEN, distinct_id: "user-1", person_properties: person, evaluation_runtime: "server", ...more });

test("the writer asks conditionally, and keeps PostHog's shape with its own metadata", async () => {
  const { posthog, kv, write } = await fleet();
  assert.equal((await write()).outcome, "ok");
  const { value, metadata } = await kv.getWithMetadata(KEY, "json");
  assert.deepEqual(Object.keys(value).sort(), ["cohorts", "flags", "groupTypeMapping", "group_type_mapping"]);
  assert.deepEqual(value.groupTypeMapping, { 0: "company" });
  assert.equal(metadata.revision, createHash("sha256").update(posthog.document).digest("hex"));
  assert.ok(JSON.stringify(metadata).length <= 1024);

  await write();
  assert.deepEqual(posthog.requests, ["GET /flags/definitions", "GET /flags/definitions conditional"]);
  assert.deepEqual((await kv.getWithMetadata(KEY)).metadata, metadata, "a confirmation that is not due costs no write");

  posthog.document = documentOf(4);
  await write();
  const next = await kv.getWithMetadata(KEY, "json");
  assert.equal(next.value.flags.length, 5);
  assert.ok(next.metadata.epoch > metadata.epoch);

  for (const break_ of [() => { posthog.failure = 503; }, () => { posthog.failure = 0; posthog.document = '{"flaps":[]}'; }, () => { posthog.document = "<html>"; }]) {
    break_();
    assert.equal((await write()).outcome, "exception", "a failure is not silent");
    assert.deepEqual((await kv.getWithMetadata(KEY, "json")), next, "and what was good stays");
  }

  // A confirmation that is due takes the body from the namespace, byte for byte.
  posthog.document = documentOf(4);
  await kv.put(KEY, JSON.stringify(next.value), { metadata: { ...next.metadata, checked: Date.now() - 3_600_000 } });
  await write();
  const confirmed = (await kv.getWithMetadata(KEY, "json"));
  assert.equal(confirmed.metadata.revision, next.metadata.revision);
  assert.ok(Date.now() - confirmed.metadata.checked < 60_000);
  assert.equal(posthog.requests.at(-1), "GET /flags/definitions conditional");
});

test("an older observation is not put over a newer", async () => {
  const { posthog, kv, write } = await fleet();
  await write();
  const { value, metadata } = await kv.getWithMetadata(KEY, "arrayBuffer");
  // While PostHog is asked, somebody with a greater epoch writes.
  const outbound = posthog.outbound;
  const newer = { ...metadata, epoch: metadata.epoch + 2 ** 40 };
  posthog.document = documentOf(5);
  let raced = false;
  posthog.outbound = outbound;
  const original = posthog.requests.push.bind(posthog.requests);
  posthog.requests.push = (line) => { raced = true; racing = kv.put(KEY, value, { metadata: newer }); return original(line); };
  let racing;
  await write();
  await racing;
  assert.ok(raced);
  assert.deepEqual((await kv.getWithMetadata(KEY)).metadata.epoch, newer.epoch);
});

test("/flags is answered as PostHog would, and nothing is requested", async () => {
  const { posthog, write, post } = await fleet();
  const named_ = request({ flag_keys_to_evaluate: ["gated"] });
  assert.equal((await post("/flags?v=2", named_)).status, 503, "before there are definitions");
  await write();
  while ((await post("/flags?v=2", named_)).status === 503) await new Promise((resolve) => setTimeout(resolve, 100));
  const asked = posthog.requests.length;
  const named = await post("/flags/?v=2", request({ flag_keys_to_evaluate: ["gated"] }), { "X-Request-Id": "7B3E0000-0000-4000-8000-000000000001", Origin: "https://shop.test" });
  assert.equal(named.status, 200);
  assert.equal(named.headers.get("Access-Control-Allow-Origin"), "https://shop.test");
  const { evaluatedAt, ...body } = await named.json();
  assert.ok(Math.abs(evaluatedAt - Date.now()) < 60_000);
  assert.deepEqual(body, {
    errorsWhileComputingFlags: false,
    flags: {
      "gated": {
        key: "gated", enabled: true, variant: null, reason: { code: "condition_match", condition_index: 0, description: "Matched condition set 1" },
        metadata: { id: 99, version: 2, description: null, payload: '{"size":1}', has_experiment: false },
      },
    },
    requestId: "7B3E0000-0000-4000-8000-000000000001",
  });

  const all = await (await post("/flags?v=2", request(), { Authorization: "Bearer server-key" })).json();
  assert.deepEqual(Object.keys(all.flags), ["flag-000", "flag-001", "flag-002", "gated"]);
  assert.deepEqual(all.flags.gated, body.flags.gated);

  const open = await (await post("/flags?v=2", request({ person_properties: {}, flag_keys_to_evaluate: ["gated"] }))).json();
  assert.equal(open.errorsWhileComputingFlags, true);
  assert.equal(open.flags.gated.failed, true);

  for (const [path, body, why] of [
    ["/flags?v=2", request(), /names no flags/],
    ["/flags?v=2", request({ flag_keys_to_evaluate: ["survey-targeting"] }), /do not have/],
    ["/flags?v=2&config=true", request(), /the parameter config/],
    ["/flags", request(), /another version/],
    ["/flags?v=2", request({ token: "phc_other" }), /another project/],
    ["/flags?v=2", request({ distinct_id: undefined }), /no distinct_id/],
    ["/flags?v=2", request({ $groups: {} }), /it has "\$groups"/],
    ["/flags?v=2", "{", /not a JSON object/],
    ["/flags?v=2", request({ flag_keys_to_evaluate: ["gated"], person_properties: [] }), /its person_properties is not/],
  ]) {
    const refused = await post(path, body);
    assert.equal(refused.status, 503);
    assert.match((await refused.json()).detail, why);
  }
  const crawler = await post("/flags?v=2", request({ flag_keys_to_evaluate: ["gated"] }), { "User-Agent": "Googlebot/2.1" });
  assert.match((await crawler.json()).detail, /crawler/);
  assert.equal((await post("/flags?v=2", "x".repeat(2 << 20))).status, 413);
  assert.equal((await post("/batch", "{}")).status, 404);
  assert.equal(posthog.requests.length, asked, "no request while serving");
});

test("a payload that is encrypted is not known here", async () => {
  const secret = JSON.stringify({ flags: [{ id: 1, key: "secret", active: true, has_encrypted_payloads: true, filters: { groups: [{}], payloads: { true: '"gAAAAA"' } } }] });
  const named = request({ flag_keys_to_evaluate: ["secret"] });
  const alone = await fleet();
  alone.posthog.document = secret;
  await alone.write();
  assert.equal((await (await alone.post("/flags?v=2", named)).json()).errorsWhileComputingFlags, true);
  const forwarding = await fleet({ FORWARD: true });
  forwarding.posthog.document = secret;
  await forwarding.write();
  assert.equal((await (await forwarding.post("/flags?v=2", named)).json()).forwarded, JSON.stringify(named));
});

test("what cannot be answered is forwarded whole, if the operator says so", async () => {
  const { posthog, write, post } = await fleet({ FORWARD: true });
  await write();
  const asked = posthog.requests.length;
  assert.equal((await (await post("/flags?v=2", request({ flag_keys_to_evaluate: ["gated"] }))).json()).flags.gated.key, "gated");
  assert.equal(posthog.requests.length, asked);
  const text = JSON.stringify(request({ person_properties: {}, flag_keys_to_evaluate: ["gated"] }));
  assert.deepEqual(await (await post("/flags?v=2", text, { Authorization: "Bearer server-key" })).json(), { forwarded: text, authorization: null }, "without the worker's own key");
  assert.equal((await (await post("/batch/", "{}")).json()).forwarded, "{}");
  assert.deepEqual(posthog.requests.slice(asked), ["POST /flags", "POST /batch/"]);
});

test("a reader never goes back, though KV does", async () => {
  const { posthog, kv, write, post } = await fleet({ ECHO: true, REFRESH: 0 });
  const ask = async () => (await (await post("/flags?v=2", request({ flag_keys_to_evaluate: ["gated"] }))).json()).flags.gated.enabled;
  posthog.document = documentOf(3, "pro");
  await write();
  assert.equal(await ask(), true);
  const old = await kv.getWithMetadata(KEY, "arrayBuffer");
  await kv.put(`old:${KEY}`, old.value, { metadata: old.metadata });
  posthog.document = documentOf(3, "team");
  await write();
  const seen = [];
  for (let i = 0; i < 40; i++) {
    seen.push(await ask());
    await new Promise((resolve) => setTimeout(resolve, 5)); // the clock of a Worker moves between requests
  }
  const first = seen.indexOf(false);
  assert.ok(first >= 0 && first < 20, `it follows: ${seen}`);
  assert.ok(!seen.slice(first).includes(true), `and stays: ${seen}`);

  // What is damaged, of another project, or not definitions changes nothing.
  const now = await kv.getWithMetadata(KEY, "arrayBuffer");
  const later = { ...now.metadata, epoch: now.metadata.epoch + 1 };
  await kv.delete(`old:${KEY}`);
  for (const [value, metadata] of [
    [old.value, { ...later, revision: "f".repeat(64) }],
    [old.value, { ...old.metadata, epoch: later.epoch + 1, scope: "0".repeat(20) }],
    [old.value, undefined],
    ["<html>", { ...later, revision: "e".repeat(64) }],
  ]) {
    await kv.put(KEY, value, { metadata });
    for (let i = 0; i < 4; i++) {
      assert.equal(await ask(), false);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
});

test("PostHog's example reads what our writer writes, and ours what its writer writes", async () => {
  const { kv, write, post } = await fleet();
  await write();
  const theirs = await start("posthog", { TOKEN, HOST }, () => assert.fail("no request while serving"));
  running.push(theirs);
  const namespace = await theirs.getKVNamespace("FLAGS");
  await namespace.put(KEY, await kv.get(KEY));
  const read = await (await theirs.dispatchFetch("https://edge.test/")).json();
  assert.deepEqual(Object.keys(read).sort(), ["flag-000", "flag-001", "flag-002", "gated"]);

  const { flags, groupTypeMapping, cohorts } = await kv.get(KEY, "json");
  const second = await fleet();
  await second.kv.put(KEY, JSON.stringify({ flags, groupTypeMapping, cohorts }));
  const named = { flag_keys_to_evaluate: ["gated", "flag-001"] };
  assert.deepEqual(
    (await (await second.post("/flags?v=2", request(named))).json()).flags,
    (await (await post("/flags?v=2", request(named))).json()).flags,
  );
});

test("what hogflags sync publishes is what the Workers read, and the other way round", async () => {
  const { value, metadata } = JSON.parse(readFileSync(new URL("testdata/cloudflarekv.json", import.meta.url)));
  const { kv, write, post, posthog } = await fleet();
  await kv.put(KEY, value, { metadata });
  const ask = async (size) => (await (await post("/flags?v=2", request({ person_properties: { größe: size }, flag_keys_to_evaluate: ["banner"] }))).json()).flags.banner;
  assert.equal((await ask(2)).enabled, true);
  assert.equal((await ask(1)).enabled, false);

  const body = await decode(new TextEncoder().encode(value), metadata);
  assert.equal(new TextDecoder().decode(body).at(-1), "\n", "byte for byte");
  const again = await encode(body, metadata);
  assert.deepEqual(again.metadata, metadata);
  assert.equal(new TextDecoder().decode(again.value), value);

  // The writer here goes on where that one stopped.
  posthog.document = documentOf(3);
  await write();
  const next = await kv.getWithMetadata(KEY);
  assert.ok(next.metadata.epoch > metadata.epoch);
});

test("posthog-node asks a Worker instead of PostHog, and gets PostHog's answer", async () => {
  const { posthog, write, url } = await fleet();
  await write();
  const asked = posthog.requests.length;
  const client = new Client(TOKEN, { host: url, sendFeatureFlagEvent: false, flushInterval: 1e9 });
  const value = (plan) => client.getFeatureFlag("gated", "user-1", { personProperties: { plan }, sendFeatureFlagEvents: false });
  assert.equal(await value("pro"), true);
  assert.equal(await value("free"), false);
  assert.equal(await client.getFeatureFlagPayload("gated", "user-1", undefined, { personProperties: { plan: "pro" } }).then(JSON.stringify), '{"size":1}');
  assert.equal(posthog.requests.length, asked, "no request while serving");
  await client.shutdown(100);
});

test("it is PostHog who decides for which runtime a request is", async () => {
  const { posthog, write, post } = await fleet();
  posthog.document = JSON.stringify({ flags: ["server", "client", "all"].map((runtime, i) => ({ id: i, key: runtime, active: true, evaluation_runtime: runtime, filters: { groups: [{}] } })) });
  await write();
  const keys = async (more, headers) => {
    const answer = await (await post("/flags?v=2", { token: TOKEN, distinct_id: "u", flag_keys_to_evaluate: ["server", "client", "all"], ...more }, headers)).json();
    return answer.flags === undefined ? answer.detail : Object.keys(answer.flags).join();
  };
  assert.equal(await keys({}, { "User-Agent": "posthog-go/1.23.1" }), "server,all");
  assert.equal(await keys({}, { "User-Agent": "Mozilla/5.0" }), "client,all");
  assert.equal(await keys({ evaluation_runtime: "client" }, { "User-Agent": "posthog-go/1.23.1" }), "client,all");
  assert.match(await keys({}, { "User-Agent": "posthog-rust/1.0" }), /not certain for which runtime/);
  assert.match(await keys({ evaluation_runtime: "all" }), /not certain for which runtime/);
});

test("OFREP, single and bulk", async () => {
  const { posthog, write, post } = await fleet();
  await write();
  const asked = posthog.requests.length;
  const path = "/ofrep/v1/evaluate/flags";
  const key = { "X-API-Key": "server-key" };
  const context = { targetingKey: "user-1", ...person };
  const one = await post(`${path}/flag-000`, { context }, key);
  assert.equal(one.status, 200);
  const answer = await one.json();
  assert.equal(answer.key, "flag-000");
  assert.ok(["control", "test", undefined].includes(answer.value), "off is the code's default, which is a text");
  for (const value of Object.values(answer.metadata)) assert.ok(["string", "number", "boolean"].includes(typeof value));

  for (const [suffix, body, status, code] of [
    ["/nope", { context }, 404, "FLAG_NOT_FOUND"],
    ["/a%2Fb", { context }, 404, "FLAG_NOT_FOUND"],
    ["/flag-000", { context: { ...person } }, 400, "TARGETING_KEY_MISSING"],
    ["/flag-000", "{", 400, "PARSE_ERROR"],
    ["/gated", { context: { targetingKey: "u" } }, 400, "GENERAL"],
    ["", { context: [] }, 400, "INVALID_CONTEXT"],
  ]) {
    const refused = await post(path + suffix, body, key);
    assert.equal(refused.status, status);
    assert.equal((await refused.json()).errorCode, code);
  }
  assert.equal((await post(path, { context })).status, 401);

  const bulk = await post(path, { context }, key);
  const etag = bulk.headers.get("ETag");
  const { flags } = await bulk.json();
  assert.deepEqual(flags.map((flag) => flag.key), ["flag-000", "flag-001", "flag-002", "gated"]);
  assert.deepEqual(flags[0], answer);
  for (const validator of [etag, `W/${etag}`, `"other", W/${etag}`]) {
    assert.equal((await post(path, { context }, { ...key, "If-None-Match": validator })).status, 304, `${validator}: Cloudflare weakens that of what it compresses`);
  }
  assert.equal((await post(`${path}x`, { context }, key)).status, 404, "another path");
  const other = await post(path, { context: { targetingKey: "user-1" } }, { ...key, "If-None-Match": etag });
  assert.equal(other.status, 200, "the ETag covers the whole context");
  assert.equal((await other.json()).flags[3].errorCode, "GENERAL", "a flag's failure is in its place");
  assert.equal(posthog.requests.length, asked, "no request while serving");
});
