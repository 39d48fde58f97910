// Answers the cases on standard input, one a line, through the WebAssembly build
// that is named on the command line; edge_test.go compares them with its own.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { Evaluator } from "../src/index.js";

const evaluator = new Evaluator(new WebAssembly.Module(readFileSync(process.argv[2])));

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { id, definitions, calls, now, timezone, complete } = JSON.parse(line);
  let flags;
  try {
    flags = evaluator.load(definitions, { timeZone: timezone ?? undefined });
  } catch (error) {
    console.log(JSON.stringify({ id, error: error.message }));
    continue;
  }
  const options = { complete, now: now === null ? 0 : Date.parse(now) };
  const results = calls.map((subject, call) => {
    const answers = flags.evaluateAll(subject, options);
    for (const all of answers) {
      const alone = flags.evaluate(all.key, subject, options);
      if (JSON.stringify(alone) !== JSON.stringify(all)) throw new Error(`${id}: ${all.key} asked alone: ${JSON.stringify(alone)}, among all: ${JSON.stringify(all)}`);
      if (call > 0) continue;
      const told = flags.explain(all.key, subject, options).answer;
      if (told.status !== all.status || told.value !== all.value) throw new Error(`${id}: ${all.key} explained: ${JSON.stringify(told)}, evaluated: ${JSON.stringify(all)}`);
    }
    return answers.map(({ key, status, value, payload, reason, conditionIndex, missing }) => ({ key, status, value, payload, reason, conditionIndex, missing: missing.map((m) => m.text) }));
  });
  flags.free();
  console.log(JSON.stringify({ id, results }));
}
