// posthog-node as an application uses it: host and key are all that it is told.
import { Redis } from "ioredis";
import { PostHog } from "posthog-node";

import { SharedCache } from "./shared-cache.mjs";

const task = JSON.parse(process.argv[2]);
const redis = task.redis ? new Redis(task.redis) : undefined;
const clients = Array.from({ length: task.clients ?? 1 }, () => new PostHog(task.token, {
  host: task.host,
  secretKey: task.secretKey || undefined,
  featureFlagsPollingInterval: task.pollingInterval ?? 30_000,
  flagDefinitionCacheProvider: redis && new SharedCache(redis, task.serviceKey),
  flushAt: 1,
}));

const outcome = { ready: [], answers: [] };
if (task.secretKey) {
  for (const client of clients) outcome.ready.push(await client.waitForLocalEvaluationReady(60_000));
}
const deadline = Date.now() + (task.hold ?? 0);
while (Date.now() < deadline) await new Promise((next) => setTimeout(next, 50));

for (const subject of task.subjects ?? []) {
  const { distinctId, ...properties } = subject;
  const { featureFlags, featureFlagPayloads } = await clients[0].getAllFlagsAndPayloads(distinctId, {
    ...properties, flagKeys: task.flagKeys, onlyEvaluateLocally: task.locally ?? false,
  });
  outcome.answers.push({ flags: featureFlags, payloads: featureFlagPayloads });
}
if (task.event) clients[0].capture({ distinctId: "ada", event: task.event, properties: { price: 12.5 } });
await Promise.all(clients.map((client) => client.shutdown(60_000)));
await redis?.quit();
console.log(JSON.stringify(outcome));
