// The writer: asks PostHog, and puts what it says where readers find it.

import { compare, decode, encode, headOf, keyOf, scopeOf, sha256 } from "./entry.js";

const confirmAfter = 600_000; // ms; each confirmation is a write that is paid for
const writeGap = 1_100; // ms; KV takes one write a second for a key

/**
 * Publishes a project's definitions once. Throws if PostHog does not hand them out,
 * or what it hands out is not definitions; what is stored then stays.
 */
export async function publish(config, evaluator) {
  const { kv, projectToken, host, secretKey } = config;
  const key = keyOf(projectToken);
  const scope = await scopeOf(projectToken, host);
  const before = await headAt(kv, key);
  if (before !== null && before.scope !== scope) throw new Error("@hogflags/edge: the key holds definitions from another host: use another namespace");

  // The order is that in which PostHog was asked.
  const asked = Date.now();
  const epoch = Math.max(before?.epoch ?? 0, asked * 1000) + 1 + Math.floor(Math.random() * 2 ** 20);
  const answer = await fetch(`${host}/flags/definitions?token=${encodeURIComponent(projectToken)}&send_cohorts`, {
    headers: { Authorization: `Bearer ${secretKey}`, ...(before?.etag ? { "If-None-Match": before.etag } : {}) },
    signal: AbortSignal.timeout(10_000),
  });
  let body;
  let { etag, fetched } = { etag: answer.headers.get("ETag") ?? "", fetched: asked };
  if (answer.status === 304 && before !== null) {
    await answer.body?.cancel();
    if (asked - before.checked < confirmAfter) return { outcome: "not modified", revision: before.revision };
    const { value, metadata } = await kv.getWithMetadata(key, { type: "arrayBuffer" });
    const now = headOf(metadata);
    if (now?.revision !== before.revision) return { outcome: "superseded", revision: now?.revision ?? "" };
    body = await decode(new Uint8Array(value), now);
    ({ etag, fetched } = before);
  } else if (answer.status === 200) {
    body = new Uint8Array(await answer.arrayBuffer());
    evaluator.load(body).free(); // throws if these are not definitions
    if (before !== null && (await sha256(body)) === before.revision) {
      if (asked - before.checked < confirmAfter && etag === before.etag) return { outcome: "unchanged", revision: before.revision };
      fetched = before.fetched;
    }
  } else {
    await answer.body?.cancel();
    throw new Error(`@hogflags/edge: PostHog answered ${answer.status} to the request for definitions`);
  }

  const { value, metadata } = await encode(body, { scope, epoch, seq: 1, etag, fetched, checked: asked });
  const latest = await headAt(kv, key);
  if (latest !== null && compare(latest, metadata) > 0) return { outcome: "superseded", revision: latest.revision };
  try {
    await kv.put(key, value, { metadata });
  } catch {
    await new Promise((resolve) => setTimeout(resolve, writeGap));
    await kv.put(key, value, { metadata });
  }
  return { outcome: metadata.revision === before?.revision ? "confirmed" : "stored", revision: metadata.revision };
}

async function headAt(kv, key) {
  const { value, metadata } = await kv.getWithMetadata(key, { type: "stream" });
  await value?.cancel();
  return headOf(metadata);
}
