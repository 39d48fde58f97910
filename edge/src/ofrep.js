// OpenFeature's remote evaluation protocol: one flag, or all.

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
    request = parseExact(text);
  } catch {
    throw new Refusal(400, "PARSE_ERROR", "the body is not JSON");
  }
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(request) || !isObject(request.context)) throw new Refusal(400, "INVALID_CONTEXT", 'the body has no "context" that is an object');
  const { targetingKey, groups, group_properties: groupProperties, groupProperties: inCamelCase, ...properties } = request.context;
  if (typeof targetingKey !== "string" || targetingKey === "") throw new Refusal(400, "TARGETING_KEY_MISSING", "the context has no targetingKey: give it the distinct id");
  return JSON.stringify({ distinct_id: targetingKey, groups, group_properties: groupProperties ?? inCamelCase, person_properties: properties });
}

export function answerOne(flags, key, subject, runtime) {
  const answer = asked(() => flags.evaluate(key, subject, { runtime }));
  if (answer.status === "not found") throw new Refusal(404, "FLAG_NOT_FOUND", `no flag ${JSON.stringify(key)}`);
  if (answer.status === "inconclusive") throw new Refusal(400, "GENERAL", details(answer));
  return JSON.stringify(success(answer));
}

/** The body for all flags, with its ETag: the same answers have the same, wherever they are given. */
export async function answerAll(flags, subject, runtime) {
  const answers = asked(() => flags.evaluateAll(subject, { runtime }));
  const body = JSON.stringify({
    flags: answers.map((answer) =>
      answer.status === "decided" ? success(answer) : { key: answer.key, errorCode: "GENERAL", errorDetails: details(answer) }),
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

const reasons = {
  condition_match: "TARGETING_MATCH", super_condition_value: "TARGETING_MATCH", holdout_condition_value: "SPLIT",
  out_of_rollout_bound: "SPLIT", no_condition_match: "DEFAULT", no_group_type: "DEFAULT", missing_dependency: "DEFAULT", flag_disabled: "DISABLED",
};

function success(answer) {
  const metadata = { posthog_reason: answer.description, flag_id: answer.id, flag_version: answer.version };
  if (answer.payload !== null) metadata.payload = answer.payload;
  const variant = answer.variant ?? (answer.enabled ? "on" : "off");
  return { key: answer.key, value: answer.value, reason: reasons[answer.reason] ?? "UNKNOWN", variant, metadata };
}
