// OpenFeature's server SDK with its OFREP provider.
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OpenFeature } from "@openfeature/server-sdk";

const task = JSON.parse(process.argv[2]);
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: task.host, headers: [["Authorization", `Bearer ${task.key}`]] }));
const client = OpenFeature.getClient();
const outcome = {};
for (const [key, kind] of Object.entries(task.flags)) {
  const details = kind === "string"
    ? await client.getStringDetails(key, "the default", task.context)
    : await client.getBooleanDetails(key, false, task.context);
  outcome[key] = { value: details.value, reason: details.reason ?? "", error: details.errorCode ?? "", payload: details.flagMetadata?.payload ?? "" };
}
await OpenFeature.close();
console.log(JSON.stringify(outcome));
