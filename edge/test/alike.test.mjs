// The Worker and the relay read requests by the same rules, each in its language.
// These are the tables that relay/worker_test.go reads, too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { NotHere, readAsk } from "../src/ask.js";
import { mayBeBot, runtimeOf } from "../src/runtime.js";

const table = (name) => JSON.parse(readFileSync(new URL(`../../relay/testdata/${name}`, import.meta.url)));

test("for which runtime a request is, and which are crawlers'", () => {
  for (const row of table("runtimes.json")) {
    const headers = new Headers(row.headers);
    assert.deepEqual({ runtime: runtimeOf(headers) ?? "", crawler: mayBeBot(headers) }, { runtime: row.runtime, crawler: row.crawler }, JSON.stringify(row.headers));
  }
});

test("which requests are answered where they arrive", () => {
  for (const { query, headers, body, here } of table("asks.json")) {
    let why;
    try {
      readAsk(new URL(`https://edge.test/flags?${query}`), new Headers(headers), body);
    } catch (error) {
      if (!(error instanceof NotHere)) throw error;
      why = error.message;
    }
    assert.equal(why === undefined, here === "both", `?${query} ${JSON.stringify(headers)} ${body}: ${why ?? "answered"}, want ${JSON.stringify(here)}`);
  }
});
