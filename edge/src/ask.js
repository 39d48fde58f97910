// Reads POST /flags, as far as it is certain what PostHog would make of it. The
// relay reads it by the same rules (relay/ask.go), and more forms of it.

import { exact } from "./json.js";
import { mayBeBot, runtimeOf } from "./runtime.js";

/** Why a request is not answered here. */
export class NotHere extends Error {}

// Members that have no say in flags, or that say no more than flags, by what they
// have to be. Others have none at PostHog either.
const text = (value) => typeof value === "string";
const texts = (value) => Array.isArray(value) && value.every(text);
const object = (value) => typeof value === "object" && !Array.isArray(value);
const members = {
  token: text, api_key: text, distinct_id: (value) => text(value) || Number.isSafeInteger(value), device_id: text, $anon_distinct_id: text,
  flag_keys_to_evaluate: texts, evaluation_contexts: texts, evaluation_runtime: text, timezone: text, ip_address: text,
  person_properties: object, groups: object, geoip_disable: (value) => typeof value === "boolean",
  group_properties: (value) => object(value) && Object.values(value).every((properties) => properties !== null && object(properties)),
};

// Members that ask for another answer, and other spellings of those above.
const elsewhere = new Set([
  "disable_flags", "cookieless_hash_extra", "override_flags_definitions", "$token", "$distinct_id", "$device_id", "anon_distinct_id",
  "flag_keys", "evaluation_environments", "$properties", "$groups", "$group_properties",
]);

const parameters = new Set(["v", "version", "ver", "lib_version", "_", "sent_at", "ip"]);
const switches = new Set(["config", "detailed_analysis", "only_evaluate_survey_feature_flags", "only_use_override_person_properties"]);

/**
 * What the text of a request says, as values and as text in which numbers are as they
 * were written. A runtime that is not certain is undefined. Throws NotHere.
 */
export function readAsk(url, headers, body) {
  readQuery(url.searchParams);
  if (!/^(application\/json|text\/plain)\b|^$/.test(headers.get("Content-Type") ?? "") || headers.has("Content-Encoding")) {
    throw new NotHere("its body is compressed or not JSON");
  }
  if (headers.has("X-Original-Endpoint")) throw new NotHere("it was meant for another endpoint");
  if (mayBeBot(headers)) throw new NotHere("PostHog may take it for a crawler's");
  // How PostHog mends such text is its own business.
  if (body.includes("\uFFFD") || /\\u[dD]/.test(body)) throw new NotHere("not all of its text is UTF-8");
  const read = exact(body);
  if (read === undefined) throw new NotHere("its body is not a JSON object");
  const ask = read.plain;
  for (const [name, value] of Object.entries(ask)) {
    if (elsewhere.has(name)) throw new NotHere(`it has ${JSON.stringify(name)}`);
    if (value !== null && Object.hasOwn(members, name) && !members[name](value)) throw new NotHere(`its ${name} is not what it should be`);
  }
  if (Object.hasOwn(ask, "token") && Object.hasOwn(ask, "api_key")) throw new NotHere("it has two tokens");
  if (ask.distinct_id === "$posthog_cookieless") throw new NotHere("it is cookieless");
  if (ask.flag_keys_to_evaluate?.length === 0) throw new NotHere("it names no flags");
  if (ask.evaluation_contexts?.includes("")) throw new NotHere("it has an evaluation context without a name");
  let runtime = ask.evaluation_runtime ?? runtimeOf(headers);
  if (ask.evaluation_runtime != null && !["server", "client"].includes(runtime)) runtime = undefined;
  return { ask, text: read.text, runtime };
}

function readQuery(query) {
  for (const name of query.keys()) {
    const off = ["", "false", "0"].includes(query.get(name));
    if (!(parameters.has(name) || (switches.has(name) && off)) || query.getAll(name).length > 1) throw new NotHere(`it has the parameter ${name}`);
  }
  if (query.has("v") && query.has("version")) throw new NotHere("it names two versions");
  if ((query.get("v") ?? query.get("version")) !== "2") throw new NotHere("it is for another version than 2");
}
