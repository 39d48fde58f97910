"""posthog-python as an application uses it: host and key are all that it is told."""

import json
import logging
import sys
import time

from posthog import Posthog

from shared_cache import SharedCache

logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
task = json.loads(sys.argv[1])
redis = None
if "redis" in task:
    import redis as driver

    redis = driver.Redis.from_url(task["redis"])

clients = []
ready = []
for _ in range(task.get("clients", 1)):
    client = Posthog(
        task["token"],
        host=task["host"],
        secret_key=task.get("secretKey"),
        poll_interval=task.get("pollingInterval", 30_000) / 1000,
        flag_definition_cache_provider=SharedCache(redis, task["serviceKey"]) if redis else None,
        flush_at=1,
    )
    if "secretKey" in task:
        client.load_feature_flags()
        ready.append(bool(client.feature_flags))
    clients.append(client)
time.sleep(task.get("hold", 0) / 1000)

answers = []
for subject in task.get("subjects", []):
    found = clients[0].get_all_flags_and_payloads(
        subject["distinctId"],
        person_properties=subject.get("personProperties"),
        groups=subject.get("groups"),
        group_properties=subject.get("groupProperties"),
        only_evaluate_locally=task.get("locally", False),
        flag_keys_to_evaluate=task.get("flagKeys"),
    )
    answers.append({"flags": found["featureFlags"] or {}, "payloads": found["featureFlagPayloads"] or {}})
if "event" in task:
    clients[0].capture(task["event"], distinct_id="ada", properties={"price": 12.5})
for client in clients:
    client.shutdown()
print(json.dumps({"ready": ready, "answers": answers}))
