// OpenFeature's remote evaluation protocol: one flag, or all. The relay answers
// alike (relay/ofrepanswer.go); relay/testdata/ofrep.json holds both to it.

import { parseExact } from "./json.js";
import { sha256 } from "./entry.js";

/** An answer that is not a success, with its body. */
export class Refusal extends Error {
  constructor(status, errorCode, errorDetails) {
    super(errorDetails);
    this.status = status;
    this.body = { errorCode, errorDetails };
  }
}

/** The subject of a request's context, as POST /flags spells it. */
export function subjectOf(text) {
  let request;
  try {
    request = text === "" ? {} : parseExact(text);
  } catch {
    throw new Refusal(400, "PARSE_ERROR", "the body is not JSON");
  }
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(request)) throw new Refusal(400, "PARSE_ERROR", "the body is not an object");
  const context = request.context ?? {};
  if (!isObject(context)) throw new Refusal(400, "INVALID_CONTEXT", "the context is not an object");
  const { targetingKey, groups, group_properties: groupProperties, groupProperties: inCamelCase, ...properties } = context;
  if ((targetingKey ?? "") === "") throw new Refusal(400, "TARGETING_KEY_MISSING", "the context has no targetingKey: give it the distinct id");
  if (typeof targetingKey !== "string") throw new Refusal(400, "INVALID_CONTEXT", "the targetingKey is not a string");
  return JSON.stringify({ distinct_id: targetingKey, groups, group_properties: groupProperties ?? inCamelCase, person_properties: properties });
}

export function answerOne(flags, key, subject, runtime) {
  const answer = asked(() => flags.evaluate(key, subject, { runtime }));
  if (answer.status === "not found") throw new Refusal(404, "FLAG_NOT_FOUND", `no flag ${JSON.stringify(key)}`);
  if (answer.status === "inconclusive") throw new Refusal(400, "GENERAL", details(answer));
  return JSON.stringify(success(answer, flags));
}

/** The body for all flags, with its ETag: the same answers have the same, wherever they are given. */
export async function answerAll(flags, subject, runtime) {
  const answers = asked(() => flags.evaluateAll(subject, { runtime }));
  const body = JSON.stringify({
    flags: answers.map((answer) =>
      answer.status === "decided" ? success(answer, flags) : { key: answer.key, errorCode: "GENERAL", errorDetails: details(answer) }),
  });
  return { body, etag: `"${(await sha256(new TextEncoder().encode(body))).slice(0, 32)}"` };
}

function asked(evaluate) {
  try {
    return evaluate();
  } catch (error) {
    throw new Refusal(400, "INVALID_CONTEXT", error.message);
  }
}

const details = (answer) => `inconclusive: ${answer.missing.map((missing) => missing.text).join(", ")}`;

const said = new WeakMap(); // answer -> what is said of it; decided answers are shared

function success(answer, flags) {
  if (!said.has(answer)) said.set(answer, resolution(answer, flags));
  return said.get(answer);
}

function resolution({ key, enabled, variant, reason, id, version, payload }, flags) {
  const resolved = { key };
  // One with variants that is off has no value: that is the code's default, which is of the right type.
  if (enabled) resolved.value = variant ?? true;
  else if (!flags.catalogFlag(key).variants) resolved.value = false;
  resolved.reason = enabled ? "TARGETING_MATCH" : reason === "flag_disabled" ? "DISABLED" : "DEFAULT";
  if (variant !== null) resolved.variant = variant;
  const metadata = { local: true };
  if (id !== 0) metadata.flagId = id;
  if (version !== 0) metadata.version = String(version);
  if (reason !== null) metadata.posthogReason = reason;
  if (payload !== null) {
    const stored = JSON.parse(payload);
    metadata.payload = typeof stored === "string" ? stored : payload; // its text is JSON
  }
  resolved.metadata = metadata;
  return resolved;
}
