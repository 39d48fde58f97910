// posthog-node, warm, with the definitions of the same KV namespace: PostHog's own
// cache example, but for a client that outlives a request.
import { PostHog } from "posthog-node";

let client;

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    client ??= new PostHog(env.TOKEN, {
      host: env.HOST,
      personalApiKey: "phx_none",
      featureFlagsPollingInterval: 3_600_000,
      sendFeatureFlagEvent: false,
      flagDefinitionCacheProvider: {
        getFlagDefinitions: () => env.FLAGS.get(`posthog:flags:${env.TOKEN}`, "json"),
        shouldFetchFlagDefinitions: () => false,
        onFlagDefinitionsReceived: () => {},
        shutdown: () => {},
      },
    });
    await client.waitForLocalEvaluationReady(5000);
    let flags;
    for (let i = 0, n = Number(url.searchParams.get("n") ?? 1); i < n; i++) {
      const personProperties = { plan: i % 2 ? "pro" : "free", email: `u${i}@example.com`, country: "DE", seats: i % 20 };
      flags = await client.getAllFlags(`user-${i}`, { onlyEvaluateLocally: true, personProperties });
    }
    return Response.json(flags);
  },
};
