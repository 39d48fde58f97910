"""What posthog-python says of one flag when confined to local evaluation."""

import json
import sys

from posthog import Posthog

task = json.loads(sys.argv[1])
client = Posthog(task["token"], host=task["host"], secret_key=task["secretKey"])
client.load_feature_flags()
answers = [
    client.get_feature_flag(
        q["flag"], q["distinctId"], person_properties=q["personProperties"],
        only_evaluate_locally=True, send_feature_flag_events=False,
    )
    for q in task["questions"]
]
client.shutdown()
print(json.dumps(answers))
