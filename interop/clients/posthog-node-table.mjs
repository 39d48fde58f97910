// What posthog-node says of one flag when confined to local evaluation.
import { PostHog } from "posthog-node";

const { host, token, secretKey, questions } = JSON.parse(process.argv[2]);
const client = new PostHog(token, { host, secretKey });
client.on("error", () => {});
if (!(await client.waitForLocalEvaluationReady(60_000))) throw new Error("no definitions");
const answers = [];
for (const { flag, distinctId, personProperties } of questions) {
  const value = await client.getFeatureFlag(flag, distinctId, { personProperties, onlyEvaluateLocally: true, sendFeatureFlagEvents: false });
  answers.push(value ?? null);
}
await client.shutdown(5000);
console.log(JSON.stringify(answers));
