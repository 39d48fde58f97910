// What is kept under a key of a KV namespace: a definitions document as PostHog's
// own cache example keeps it, and beside it, as metadata, which document that is.
// flagcache/cloudflarekv writes the same.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const schema = 1;
const maxETag = 256; // KV keeps 1,024 bytes of metadata

/** The key of a project's definitions, as in PostHog's example. */
export const keyOf = (projectToken) => `posthog:flags:${projectToken}`;

/** A short name of a project at a host, as flagcache.Scope.Key has it. */
export async function scopeOf(projectToken, host) {
  const canonical = `${projectToken.trim()}\n${host.trim().toLowerCase().replace(/\/+$/, "")}`;
  return (await sha256(encoder.encode(canonical))).slice(0, 20);
}

export async function sha256(bytes) {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** -1, 0 or 1 as observation a came before, is, or came after b. */
export function compare(a, b) {
  return Math.sign(a.epoch - b.epoch) || Math.sign(a.seq - b.seq);
}

/** What metadata says, or null if hogflags did not write it. */
export function headOf(metadata) {
  const integers = ["epoch", "seq", "fetched", "checked", "at", "added"];
  if (metadata?.schema !== schema || !integers.every((name) => Number.isSafeInteger(metadata[name]) && metadata[name] >= 0)) return null;
  return typeof metadata.revision === "string" && typeof metadata.scope === "string" ? metadata : null;
}

/**
 * The value and metadata for a document. The value is the document, and before its
 * last brace the members that SDKs know by other names.
 */
export async function encode(body, { scope, epoch, seq, etag, fetched, checked }) {
  const members = JSON.parse(decoder.decode(body));
  const at = body.lastIndexOf(0x7d);
  const added = encoder.encode(aliases(members).map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`).join(""));
  const value = new Uint8Array(body.length + added.length);
  value.set(body.subarray(0, at));
  value.set(added, at);
  value.set(body.subarray(at), at + added.length);
  const metadata = {
    schema, scope, epoch, seq, revision: await sha256(body), etag: etag.length > maxETag ? "" : etag,
    fetched, checked, at, added: added.length,
  };
  return { value, metadata };
}

/** The document in a value, byte for byte. Throws if it is not the one that the metadata names. */
export async function decode(value, head) {
  const body = new Uint8Array(value.length - head.added);
  body.set(value.subarray(0, head.at));
  body.set(value.subarray(head.at + head.added), head.at);
  if ((await sha256(body)) !== head.revision) throw new Error("the stored definitions do not match their revision");
  return body;
}

function aliases(members) {
  const added = [];
  for (const [snake, camel, absent] of [
    ["group_type_mapping", "groupTypeMapping", {}],
    ["minimal_flag_called_events", "minimalFlagCalledEvents", undefined],
  ]) {
    const value = members[snake] ?? members[camel] ?? absent;
    if (value === undefined) continue;
    for (const name of [snake, camel]) if (!(name in members)) added.push([name, value]);
  }
  if (!("cohorts" in members)) added.push(["cohorts", {}]);
  return added;
}
