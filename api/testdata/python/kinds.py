"""Every way to record, every kind of body, a fork, and no close: the end of the program sends what is queued."""
import asyncio
import collections
import os
import sys
from aictl_records import Recorder

records = Recorder("py", interval=60, close_timeout=60)


@records.wrap(model="m1")
def double(x):
    return {"doubled": 2 * x}


@records.wrap
async def later(a, b=1):
    return a + b


@records.wrap(path="/broken", tags={"k": 1})
def broken():
    raise ValueError("no luck")


assert double(21) == {"doubled": 42}
assert asyncio.run(later(1, b=2)) == 3
try:
    broken()
except ValueError:
    pass
else:
    sys.exit("the exception was swallowed")
with records.exchange(b"\xff\x00", user="ann", traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") as x:
    x.response, x.status = "fine", 201
loop = []
loop.append(loop)
Point = collections.namedtuple("Point", "x y")
records.record({"nan": float("nan"), (1, 2): {3}, "bytes": b"ab", "point": Point(1, 2)}, loop, path="/odd")
records.record("again", id="job-1", started_at=1795248000, path="/again")
records.record("again", id="job-1", started_at=1795248000, path="/again")
records.record("x", path="/refused", status=7)
pid = os.fork()
if pid == 0:
    records.record("child", path="/child")
    records.close(60)
    os._exit(0 if records.stats()["stored"] == 1 else 3)
_, status = os.waitpid(pid, 0)
if status != 0:
    sys.exit("the child ended with %d" % status)
try:
    Recorder("py", url="localhost:7600")
except ValueError:
    pass
else:
    sys.exit("a url without a scheme was taken")
