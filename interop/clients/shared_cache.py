"""What PostHog's documentation has an application write to share definitions in
Redis: one key for the document, and a lock for who fetches."""

import json
import uuid

LEAD = """local holder = redis.call("GET", KEYS[1])
if not holder then redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2]) return 1 end
if holder == ARGV[1] then redis.call("PEXPIRE", KEYS[1], ARGV[2]) return 1 end
return 0"""
RELEASE = """if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0"""


class SharedCache:
    def __init__(self, redis, service_key):
        self.redis = redis
        self.document = f"posthog:flags:{service_key}"
        self.lock = f"{self.document}:lock"
        self.me = str(uuid.uuid4())

    def get_flag_definitions(self):
        cached = self.redis.get(self.document)
        return None if cached is None else json.loads(cached)

    def should_fetch_flag_definitions(self):
        return self.redis.eval(LEAD, 1, self.lock, self.me, 60_000) == 1

    def on_flag_definitions_received(self, data):
        self.redis.set(self.document, json.dumps(data), ex=86_400)

    def shutdown(self):
        self.redis.eval(RELEASE, 1, self.lock, self.me)
