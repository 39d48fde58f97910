// Runs a Worker in workerd alone, whose processor time can be told: Miniflare puts
// Workers of its own beside it, which take ten times as long to start. The KV
// namespace is a server in this process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";

import workerd from "workerd";

// What a measurement that fails would leave behind.
const processes = new Set();
const folders = new Set();
process.on("exit", () => {
  for (const child of processes) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A namespace that holds one value under every key. Returns its address and what closes it. */
export async function namespace(value) {
  const server = createServer((_, response) => response.end(value)).listen(0, "127.0.0.1");
  server.keepAliveTimeout = 0; // none
  await once(server, "listening");
  return { address: `127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Writes a Worker down for workerd: its script, perhaps a module of WebAssembly, and bindings that are texts. Returns its folder. */
export function prepare(script, module, texts, kv) {
  const folder = mkdtempSync(join(tmpdir(), "hogflags-workerd-"));
  folders.add(folder);
  writeFileSync(join(folder, "main.mjs"), script);
  if (module !== undefined) writeFileSync(join(folder, "hogflags.wasm"), module);
  const bindings = Object.entries(texts).map(([name, text]) => `(name = "${name}", text = "${text}")`);
  writeFileSync(join(folder, "config.capnp"), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "kv", external = (address = "${kv}", http = ()))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]);
const main :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [(name = "main.mjs", esModule = embed "main.mjs")${module === undefined ? "" : ', (name = "hogflags.wasm", wasm = embed "hogflags.wasm")'}],
  bindings = [${[...bindings, '(name = "FLAGS", kvNamespace = "kv")'].join(", ")}]);
`);
  return folder;
}

/** Starts a prepared Worker, and returns when it takes requests. */
export async function run(folder) {
  const child = spawn(workerd.default, ["serve", "--control-fd=3", join(folder, "config.capnp")], { stdio: ["ignore", "inherit", "inherit", "pipe"] });
  processes.add(child);
  const exit = once(child, "exit");
  let said = "";
  while (!/"port":(\d+)/.test(said)) {
    const [data] = await Promise.race([once(child.stdio[3], "data"), exit.then(() => ended())]);
    said += data;
  }
  const origin = `http://127.0.0.1:${/"port":(\d+)/.exec(said)[1]}`;
  return {
    // On a connection of its own: workerd closes those that it finds idle.
    ask: (path) => new Promise((resolve, reject) => {
      get(origin + path, { agent: false }, (response) => resolve(json(response))).on("error", reject);
    }),
    processor: () => processor(child.pid),
    async stop() {
      child.kill();
      await exit;
      processes.delete(child);
    },
  };
}

function ended() {
  throw new Error("workerd ended before it took requests");
}

/** Milliseconds that the threads of a process have run, the main one alone and all of them, by Linux's scheduler. */
function processor(pid) {
  let all = 0;
  let main = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const ran = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e6;
    all += ran;
    if (Number(thread) === pid) main = ran;
  }
  return { all, main };
}
