// A Worker that answers for flags from what a KV namespace holds. It is made of web
// standards alone: fetch handler, scheduled handler, KV binding.

import { NotHere } from "./ask.js";
import { answerFlags } from "./flags.js";
import { Keeper } from "./keeper.js";
import { answerAll, answerOne, Refusal, subjectOf } from "./ofrep.js";
import { publish } from "./writer.js";

const maxBody = 1 << 20; // bytes
const json = { "Content-Type": "application/json" };

/**
 * @param {WebAssembly.Module} module
 * @param {(env: any) => import("./worker.js").WorkerConfig} configure
 */
export function worker(module, configure) {
  const keeper = new Keeper(module);
  const configOf = (env) => {
    const config = { host: "https://us.i.posthog.com", ...configure(env) };
    for (const name of ["kv", "projectToken"]) if (!config[name]) throw new Error(`@hogflags/edge: the worker's configuration has no ${name}`);
    return { ...config, host: config.host.replace(/\/+$/, "") };
  };
  return {
    async fetch(request, env, context) {
      const config = configOf(env);
      const url = new URL(request.url);
      const path = url.pathname.replace(/\/$/, "");
      if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: cors(request) });
      let response;
      if (path === "/flags") response = await flags(request, url, config, context);
      else if (/^\/ofrep\/v1\/evaluate\/flags(\/|$)/.test(path)) response = await ofrep(request, path, config, context);
      else if (config.forward) return fetch(forwarded(request, url, config));
      else response = refused(404, "there is nothing at this address: /flags and /ofrep/v1/evaluate/flags are");
      for (const [name, value] of Object.entries(cors(request))) response.headers.set(name, value);
      return response;
    },

    async scheduled(_event, env) {
      const config = configOf(env);
      if (!config.secretKey) throw new Error("@hogflags/edge: the worker's configuration has no secretKey, which the writer needs");
      const { outcome, revision } = await publish(config, keeper.evaluator);
      console.log(`@hogflags/edge: definitions ${outcome}: ${revision.slice(0, 12)}`);
    },
  };

  async function flags(request, url, config, context) {
    const unread = config.forward ? request.clone() : undefined;
    let why;
    try {
      if (request.method !== "POST") throw new NotHere("it is not a POST request");
      const text = await textOf(request);
      if (text === undefined) return refused(413, `the body is larger than ${maxBody} bytes`);
      await keeper.ready(config, context);
      const held = keeper.flags;
      if (held === null) throw new NotHere("no definitions could be read");
      const server = config.server === true || serverKey(request, config);
      return new Response(answerFlags(held, url, request.headers, text, {
        projectToken: config.projectToken, server, incomplete: !config.forward,
      }), { headers: json });
    } catch (error) {
      if (!(error instanceof NotHere)) throw error;
      why = error.message;
    }
    if (config.forward) return fetch(forwarded(unread, url, config));
    return refused(503, `the request is not answered at the edge: ${why}`);
  }

  async function ofrep(request, path, config, context) {
    const runtime = serverKey(request, config) ? "server" : bearer(request) === config.projectToken ? "client" : null;
    if (runtime === null) return refused(401, "the key is neither the project's token nor a server key: send it as Authorization: Bearer or X-API-Key");
    if (request.method !== "POST") return new Response(null, { status: 405, headers: { Allow: "POST, OPTIONS" } });
    const key = /^\/ofrep\/v1\/evaluate\/flags\/(.+)$/.exec(path)?.[1];
    try {
      const text = await textOf(request);
      if (text === undefined) throw new Refusal(413, "PARSE_ERROR", `the body is larger than ${maxBody} bytes`);
      const subject = subjectOf(text);
      await keeper.ready(config, context);
      const held = keeper.flags;
      if (held === null) throw new Refusal(503, "PROVIDER_NOT_READY", "no definitions could be read");
      if (key !== undefined) return new Response(answerOne(held, decoded(key), subject, runtime), { headers: json });
      const { body, etag } = await answerAll(held, subject, runtime);
      if (matches(request.headers.get("If-None-Match"), etag)) return new Response(null, { status: 304, headers: { ETag: etag } });
      return new Response(body, { headers: { ...json, ETag: etag } });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const named = key === undefined ? error.body : { key: decoded(key), ...error.body };
      return new Response(JSON.stringify(named), { status: error.status, headers: json });
    }
  }
}

// By weak comparison: Cloudflare weakens the validator of what it compresses.
function matches(list, etag) {
  return (list ?? "").split(",").some((validator) => validator.trim().replace(/^W\//, "") === etag);
}

function decoded(key) {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function bearer(request) {
  return /^Bearer (.+)$/i.exec(request.headers.get("Authorization") ?? "")?.[1] ?? request.headers.get("X-API-Key");
}

function serverKey(request, { serverKeys = [] }) {
  const given = bearer(request);
  let found = false; // after the same work whichever it is
  for (const key of serverKeys) if (given !== null && equal(given, key)) found = true;
  return found;
}

function equal(a, b) {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return b.length > 0 && difference === 0;
}

/** The body, or undefined if it is too large. */
async function textOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    size += part.length;
    if (size > maxBody) return undefined;
    parts.push(part);
  }
  return new Blob(parts).text();
}

// PostHog sees the client's address, and not a key that is the worker's.
function forwarded(request, url, { host, serverKeys = [] }) {
  const to = new Request(host + url.pathname + url.search, request);
  if (serverKeys.includes(bearer(request))) {
    to.headers.delete("Authorization");
    to.headers.delete("X-API-Key");
  }
  const client = request.headers.get("CF-Connecting-IP");
  if (client !== null) to.headers.set("X-Forwarded-For", client);
  return to;
}

function refused(status, detail) {
  return new Response(JSON.stringify({ type: "error", code: "edge", detail, errorDetails: detail }), { status, headers: json });
}

function cors(request) {
  const origin = request.headers.get("Origin");
  if (origin === null) return {};
  return {
    "Access-Control-Allow-Origin": origin,
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS, HEAD",
    "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers") ?? "Content-Type, Authorization, If-None-Match",
    "Access-Control-Expose-Headers": "ETag",
    Vary: "Origin",
  };
}
