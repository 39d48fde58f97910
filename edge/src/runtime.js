// What PostHog reads from the head of a request, as relay/runtime.go reads it; relay/testdata/runtimes.json holds both to it.

const sdks = {
  python: "server", ruby: "server", php: "server", java: "server", go: "server", node: "server", dotnet: "server", elixir: "server",
  server: "server", js: "client", android: "client", ios: "client", "react-native": "client", flutter: "client",
};

/** The runtime of a request that does not name one; undefined where that is not certain. */
export function runtimeOf(headers) {
  const agent = headers.get("User-Agent") ?? "";
  const sdk = /^posthog-([^/]*)(\/\s*\S)?/.exec(agent);
  if (sdk !== null) return sdk[2] === undefined || !Object.hasOwn(sdks, sdk[1]) ? undefined : sdks[sdk[1]];
  if (/(Mozilla|Chrome|Safari|Firefox|Edge)\//.test(agent)) return "client";
  if (/(python-requests|curl)\//.test(agent)) return "server";
  if (["Origin", "Referer", "Sec-Fetch-Mode", "Sec-Fetch-Site"].some((name) => headers.has(name))) return "client";
  return /posthog/i.test(agent) ? undefined : "unknown";
}

/** Whether PostHog may take a request for a crawler's, which it answers without evaluating. */
export const mayBeBot = (headers) =>
  /bot|crawl|spider|slurp|facebookexternalhit|headless|lighthouse|prerender/i.test(headers.get("User-Agent") ?? "");
