"""The server takes the connection and never answers, until it is told to: callers go on, what does not fit is dropped."""
import json
import sys
from aictl_records import Recorder

records = Recorder("py", batch_records=10, interval=0.01, queue_records=50, timeout=60)
queued = [records.record({"n": n}) for n in range(200)]
print(json.dumps({"queued": sum(queued), "stats": records.stats()}), flush=True)
sys.stdin.readline()  # the server answers from now on
assert records.flush(60), records.stats()
print(json.dumps(records.stats()), flush=True)
