"""The sequential rate of Debian's python3-ncclient against the same server: `ncclient.py COUNT`, one line of JSON."""

import json
import os
import sys
import time

# this file's own name would hide the package
sys.path = [path for path in sys.path if os.path.abspath(path or ".") != os.path.dirname(os.path.abspath(__file__))]

from ncclient import manager  # noqa: E402

target = json.loads(os.environ["BENCH_TARGET"])
count = int(sys.argv[1])

with manager.connect(
    host="127.0.0.1",
    port=target["port"],
    username=target["username"],
    password="bench",
    hostkey_verify=False,
    look_for_keys=False,
    allow_agent=False,
    timeout=60,
) as session:
    session.get()
    cpu = time.process_time()
    began = time.monotonic()
    for _ in range(count):
        session.get()
    taken = {"amount": count, "seconds": time.monotonic() - began, "cpuSeconds": time.process_time() - cpu}
print(json.dumps(taken))
