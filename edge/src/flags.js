// POST /flags, answered as PostHog would, where that is certain.

import { NotHere, readAsk } from "./ask.js";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The body of the answer to the text of a request. Throws NotHere if PostHog might
 * say something else.
 */
export function answerFlags(flags, url, headers, text, { projectToken, server, incomplete }) {
  const { ask: request, text: subject, runtime: said } = readAsk(url, headers, text);
  if ((request.token ?? request.api_key) !== projectToken) throw new NotHere("it is for another project");
  if (request.distinct_id == null) throw new NotHere("it has no distinct_id");
  const { catalog } = flags;

  let keys;
  if (request.flag_keys_to_evaluate != null) {
    keys = withNeeds(request.flag_keys_to_evaluate, flags);
    if (keys === undefined) throw new NotHere("it names a flag that the definitions do not have");
  } else if (!server) {
    throw new NotHere("it names no flags, and the definitions leave out those of surveys");
  }
  if (request.$anon_distinct_id && catalog.flags.some((flag) => flag.active && flag.continuity)) {
    throw new NotHere("it tells who the person was before, for a flag with experience continuity");
  }
  if (said === undefined && catalog.flags.some((flag) => flag.active && flag.runtime !== "")) throw new NotHere("it is not certain for which runtime it is");
  const runtime = said ?? "unknown";
  const contexts = request.evaluation_contexts ?? undefined;

  let answers;
  try {
    answers = flags.evaluateAll(subject, { keys, runtime, contexts });
  } catch (error) {
    throw new NotHere(error.message);
  }
  let failed = false;
  const parts = [];
  for (const answer of answers) {
    if (answer.status === "not found" || answer.reason === "flag_disabled") continue;
    if (!answer.payloadKnown) { // nor is it where nothing is decided
      const why = answer.status === "decided" ? "its payload is encrypted" : answer.missing.map((m) => m.text).join(", ");
      if (!incomplete) throw new NotHere(`${answer.key} is inconclusive: ${why}`);
      failed = true;
    }
    parts.push(wire(answer));
  }
  const id = headers.get("X-Request-Id") ?? "";
  return `{"errorsWhileComputingFlags":${failed},"flags":{${parts.join(",")}},"requestId":"${uuid.test(id) ? id : crypto.randomUUID()}","evaluatedAt":${Date.now()}${catalog.minimal ? ',"minimalFlagCalledEvents":true' : ""}}`;
}

/** The keys with all that they depend on; undefined if one does not exist. */
function withNeeds(keys, flags) {
  const all = new Set(keys);
  for (const key of all) { // which also visits what is added meanwhile
    const flag = flags.catalogFlag(key);
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
