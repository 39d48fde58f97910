// POST /flags, answered as PostHog would, where that is certain.

import { exact } from "./json.js";
import { mayBeBot, runtimeOf } from "./runtime.js";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

// What a request may say and still be answered here. Other members, and other
// spellings of these, are rare, or ask for more than flags.
const understood = new Set([
  "token", "api_key", "distinct_id", "device_id", "groups", "person_properties", "group_properties", "$anon_distinct_id",
  "flag_keys_to_evaluate", "evaluation_contexts", "evaluation_runtime", "geoip_disable", "sent_at",
]);

/** Why a request is not answered here. */
export class NotHere extends Error {}

/**
 * The body of the answer to the text of a request. Throws NotHere if PostHog might
 * say something else.
 */
export function answerFlags(flags, url, headers, text, { projectToken, server, incomplete }) {
  const query = url.searchParams;
  if (query.get("v") !== "2" || [...query.keys()].some((name) => !["v", "ip", "_", "ver"].includes(name))) {
    throw new NotHere("it asks for more than flags, or for another version than 2");
  }
  if (!/^(application\/json|text\/plain)\b|^$/.test(headers.get("Content-Type") ?? "") || headers.has("Content-Encoding")) {
    throw new NotHere("its body is compressed or not JSON");
  }
  if (mayBeBot(headers)) throw new NotHere("PostHog may take it for a crawler's");
  const body = exact(text);
  if (body === undefined) throw new NotHere("its body is not a JSON object");
  for (const name of Object.keys(body.plain)) {
    if (!understood.has(name)) throw new NotHere(`it has ${JSON.stringify(name)}`);
  }
  const request = body.plain;
  if ((request.token ?? request.api_key) !== projectToken) throw new NotHere("it is for another project");
  if (request.distinct_id == null) throw new NotHere("it has no distinct_id");
  const { catalog } = flags;
  const byKey = new Map(catalog.flags.map((flag) => [flag.key, flag]));

  let keys;
  const named = request.flag_keys_to_evaluate ?? [];
  if (!Array.isArray(named)) throw new NotHere("the flags that it names are not a list");
  if (named.length > 0) {
    keys = withNeeds(named, byKey);
    if (keys === undefined) throw new NotHere("it names a flag that the definitions do not have");
  } else if (!server) {
    throw new NotHere("it names no flags, and the definitions leave out those of surveys");
  }
  const asked = keys === undefined ? catalog.flags : keys.map((key) => byKey.get(key));
  if (request.$anon_distinct_id !== undefined && catalog.flags.some((flag) => flag.active && flag.continuity)) {
    throw new NotHere("it tells who the person was before, for a flag with experience continuity");
  }
  let runtime = request.evaluation_runtime ?? runtimeOf(headers);
  if (!["server", "client", "unknown"].includes(runtime) || request.evaluation_runtime === "unknown") {
    if (catalog.flags.some((flag) => flag.active && flag.runtime !== "")) throw new NotHere("it is not certain for which runtime it is");
    runtime = "unknown";
  }
  const contexts = request.evaluation_contexts;
  if (contexts !== undefined && !(Array.isArray(contexts) && contexts.every((c) => typeof c === "string"))) throw new NotHere("its evaluation contexts are not a list of strings");

  let answers;
  try {
    answers = flags.evaluateAll(body.text, { keys, runtime, contexts });
  } catch (error) {
    throw new NotHere(error.message);
  }
  let failed = false;
  const parts = [];
  for (const answer of answers) {
    if (answer.status === "not found" || answer.reason === "flag_disabled") continue;
    if (answer.status === "inconclusive") {
      if (!incomplete) throw new NotHere(`${answer.key} is inconclusive: ${answer.missing.map((m) => m.text).join(", ")}`);
      failed = true;
    }
    parts.push(wire(answer));
  }
  const id = headers.get("X-Request-Id") ?? "";
  return `{"errorsWhileComputingFlags":${failed},"flags":{${parts.join(",")}},"requestId":"${uuid.test(id) ? id : crypto.randomUUID()}","evaluatedAt":${Date.now()}${catalog.minimal ? ',"minimalFlagCalledEvents":true' : ""}}`;
}

/** The keys with all that they depend on; undefined if one does not exist. */
function withNeeds(keys, byKey) {
  const all = new Set(keys);
  for (const key of all) { // which also visits what is added meanwhile
    const flag = byKey.get(key);
    if (flag === undefined) return undefined;
    for (const need of flag.needs) all.add(need);
  }
  return [...all];
}

const written = new WeakMap(); // answer -> its text; decided answers are shared

function wire(answer) {
  let text = written.get(answer);
  if (text === undefined) {
    const key = JSON.stringify(answer.key);
    const { code, description } = { code: answer.reason ?? "", description: answer.description };
    text = `${key}:{"key":${key},"enabled":${answer.enabled},"variant":${JSON.stringify(answer.variant)},` +
      `"reason":${JSON.stringify({ code, condition_index: answer.conditionIndex, description })},` +
      `"metadata":{"id":${answer.id},"version":${answer.version},"description":null,"payload":${answer.payload ?? "null"},"has_experiment":${answer.hasExperiment}}` +
      `${answer.status === "inconclusive" ? ',"failed":true' : ""}}`;
    written.set(answer, text);
  }
  return text;
}
