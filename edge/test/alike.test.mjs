// The Worker and the relay read requests by the same rules, each in its language.
// These are the tables that relay/worker_test.go and relay/ofrep_test.go read, too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { NotHere, readAsk } from "../src/ask.js";
import { Evaluator } from "../src/index.js";
import { answerAll, answerOne, Refusal, subjectOf } from "../src/ofrep.js";
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

test("what an OFREP request is answered", async () => {
  const { definitions, rows } = table("ofrep.json");
  const flags = new Evaluator(new WebAssembly.Module(readFileSync(new URL("../dist/hogflags.wasm", import.meta.url)))).load(definitions);
  for (const { key, body, status, answer } of rows) {
    let got;
    try {
      const subject = subjectOf(body);
      got = { status: 200, answer: JSON.parse(answerOne(flags, decodeURIComponent(key), subject, "server")) };
      const { flags: all } = JSON.parse((await answerAll(flags, subject, "server")).body);
      assert.deepEqual(all.find((flag) => flag.key === got.answer.key), answer, `${key} of ${body}, among all`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { errorDetails, ...rest } = error.body;
      assert.notEqual(errorDetails, "");
      got = { status: error.status, answer: { key, ...rest } };
    }
    assert.deepEqual(got, { status, answer }, `${key} of ${body}`);
  }
});
