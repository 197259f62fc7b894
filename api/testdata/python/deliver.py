"""Records 500 exchanges while the server fails in every way it can, and closes."""
import json
import os
from aictl_records import Recorder

with Recorder("py", batch_records=50, interval=0.05, timeout=10, tags={"run": "1"}) as records:
    for n in range(500):
        assert records.record({"n": n}, "answer %d" % n, session="s%d" % (n % 3), duration_ms=1.5, model="m")
    assert records.flush(60), records.stats()
print(json.dumps(records.stats()))
