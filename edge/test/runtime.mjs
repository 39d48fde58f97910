// Runs a Worker in workerd, with a KV namespace, and a function as the internet.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { Miniflare } from "miniflare";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const bundles = new Map();

export async function bundle(name) {
  if (!bundles.has(name)) {
    const { outputFiles } = await build({
      entryPoints: [here(`workers/${name}.mjs`)],
      bundle: true, format: "esm", write: false, external: ["*.wasm"], conditions: ["workerd"], target: "es2022",
    });
    bundles.set(name, outputFiles[0].text);
  }
  return bundles.get(name);
}

export async function start(name, bindings, outbound) {
  const runtime = new Miniflare({
    compatibilityDate: "2026-04-01",
    modules: [
      { type: "ESModule", path: "main.mjs", contents: await bundle(name) },
      { type: "CompiledWasm", path: "hogflags.wasm", contents: readFileSync(here("../dist/hogflags.wasm")) },
    ],
    bindings,
    kvNamespaces: ["FLAGS"],
    outboundService: outbound,
    unsafeTriggerHandlers: true,
  });
  await runtime.ready;
  return runtime;
}
