/**
 * A JSON object as values, and as text in which numbers are as they were written.
 * Undefined if the text is not one JSON object.
 */
export function exact(text) {
  let plain;
  try {
    plain = JSON.parse(text);
  } catch {
    return undefined;
  }
  return typeof plain === "object" && plain !== null && !Array.isArray(plain) ? { plain, text } : undefined;
}

/**
 * JSON.parse that keeps how numbers were written for JSON.stringify, in runtimes
 * that can. The others write them as JavaScript does.
 */
export function parseExact(text) {
  if (typeof JSON.rawJSON !== "function") return JSON.parse(text);
  return JSON.parse(text, (_, value, context) => (typeof value === "number" && context?.source !== undefined ? JSON.rawJSON(context.source) : value));
}
