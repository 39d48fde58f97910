// What PostHog's documentation has an application write to share definitions in
// Redis: one key for the document, and a lock for who fetches.
import { randomUUID } from "node:crypto";

const lead = `local holder = redis.call("GET", KEYS[1])
if not holder then redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2]) return 1 end
if holder == ARGV[1] then redis.call("PEXPIRE", KEYS[1], ARGV[2]) return 1 end
return 0`;
const release = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`;

export class SharedCache {
  #me = randomUUID();

  constructor(redis, serviceKey) {
    this.redis = redis;
    this.document = `posthog:flags:${serviceKey}`;
    this.lock = `${this.document}:lock`;
  }

  async getFlagDefinitions() {
    const cached = await this.redis.get(this.document);
    return cached === null ? undefined : JSON.parse(cached);
  }

  async shouldFetchFlagDefinitions() {
    return (await this.redis.eval(lead, 1, this.lock, this.#me, 60_000)) === 1;
  }

  async onFlagDefinitionsReceived(data) {
    await this.redis.set(this.document, JSON.stringify(data), "EX", 86_400);
  }

  async shutdown() {
    await this.redis.eval(release, 1, this.lock, this.#me);
  }
}
