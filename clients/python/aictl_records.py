"""Tells aictl of request/response pairs that do not pass its gateway.

One file, the standard library only, Python 3.8 and newer. Copy it next to your program:

    from aictl_records import Recorder

    records = Recorder("ocr", url="http://127.0.0.1:7600", token="aictl_...")

    with records.exchange(request={"page": 1}, session="ann-42", model="ocr-large-3") as x:
        x.response = recognize(...)

    @records.wrap(model="ocr-large-3")
    def recognize(page): ...

    records.record(request={"page": 1}, response={"text": "..."}, duration_ms=84.5)

Calls never wait for the network and never fail because of it: records go into a bounded queue, a thread sends them in
batches, and what does not fit is dropped and counted (see stats). A batch that fails is sent again until it is taken;
each record has an id, so that nothing is stored twice. At the end of the program the queue is sent, for at most
close_timeout seconds. In a forked child a recorder begins anew, with an empty queue and a thread of its own.
"""

import atexit
import base64
import collections
import contextlib
import functools
import gzip
import http.client
import inspect
import json
import logging
import math
import os
import random
import socket
import threading
import time
import urllib.parse
import uuid
import weakref

__all__ = ["Recorder", "Exchange"]

log = logging.getLogger("aictl_records")

_PATH = "/api/v1/records"
_COMPRESS_FROM = 1024  # bytes
_LONGEST_BACKOFF = 30.0  # seconds
_COMPLAIN_EVERY = 60.0  # seconds


class Recorder:
    """Sends the records of one service.

    url and token default to AICTL_SERVER and AICTL_TOKEN; url may be unix:/path/to/run/api.sock, which needs no token.
    Fields given as defaults (model="m", tags={...}) are part of every record.
    """

    def __init__(self, service, url=None, token=None, *, batch_records=200, batch_bytes=1 << 20, interval=0.5,
                 queue_records=10000, queue_bytes=32 << 20, timeout=10.0, close_timeout=5.0, **defaults):
        self.service = service
        self.url = url or os.environ.get("AICTL_SERVER") or "http://127.0.0.1:7600"
        self.token = token if token is not None else os.environ.get("AICTL_TOKEN", "")
        self.batch_records, self.batch_bytes, self.interval = batch_records, batch_bytes, interval
        self.queue_records, self.queue_bytes = queue_records, queue_bytes
        self.timeout, self.close_timeout = timeout, close_timeout
        self.defaults = defaults
        _Connection.check(self.url)
        self._reset()
        _recorders.add(self)

    # What programs call.

    def record(self, request=None, response=None, *, status=None, error=None, started_at=None, duration_ms=None, id=None,
               **fields):
        """Queues one record and returns at once: True when it is queued, False when it was dropped.

        request and response are bodies: text, bytes, or anything that JSON has. started_at is seconds since 1970.
        fields may be session, user, model, tags, path, method, trace_id, traceparent, release, end ... as in
        docs/exchange.md.
        """
        now = time.time()
        if started_at is None:
            started_at = now - (duration_ms or 0) / 1000.0
        item = dict(self.defaults)
        item.update((k, v) for k, v in fields.items() if v is not None)
        if self.defaults.get("tags") and fields.get("tags"):
            item["tags"] = dict(self.defaults["tags"], **fields["tags"])
        if "tags" in item:
            item["tags"] = {str(k): str(v) for k, v in item["tags"].items()}
        item["service"] = item.get("service") or self.service
        item["id"] = str(id) if id is not None else new_id(started_at)
        item["started_at"] = round(started_at, 6)
        for name, value in (("status", status), ("error", error), ("duration_ms", duration_ms)):
            if value is not None:
                item[name] = value
        for name, body in (("request", request), ("response", response)):
            if body is not None:
                item[name] = _side(body)
        return self._put(_encode(item))

    @contextlib.contextmanager
    def exchange(self, request=None, **fields):
        """Records what happens within a with statement: its time, its response, and an exception that leaves it."""
        x = Exchange(request, fields)
        began = time.monotonic()
        try:
            yield x
        except BaseException as fault:
            x.error = x.error or "%s: %s" % (type(fault).__name__, fault)
            raise
        finally:
            self.record(x.request, x.response, status=x.status, error=x.error, started_at=x.started_at,
                        duration_ms=round((time.monotonic() - began) * 1000, 3), **x.fields)

    def wrap(self, function=None, **fields):
        """Decorates a function, or a coroutine function: its arguments are the request, what it returns the response."""
        if function is None:
            return functools.partial(self.wrap, **fields)
        fields.setdefault("path", "/" + getattr(function, "__name__", "call"))
        if inspect.iscoroutinefunction(function):
            @functools.wraps(function)
            async def call(*args, **kwargs):
                with self.exchange(_arguments(args, kwargs), **fields) as x:
                    x.response = await function(*args, **kwargs)
                    return x.response
        else:
            @functools.wraps(function)
            def call(*args, **kwargs):
                with self.exchange(_arguments(args, kwargs), **fields) as x:
                    x.response = function(*args, **kwargs)
                    return x.response
        return call

    def flush(self, timeout=None):
        """Waits until everything that is queued is stored, refused or dropped; False when the time is over before."""
        with self._changed:
            upto = self._queued
            self._urgent = max(self._urgent, upto)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._settled >= upto, timeout)

    def close(self, timeout=None):
        """Sends what is queued, for at most timeout seconds (close_timeout when None), and ends the thread.

        True when nothing was left over; what is left over is counted as dropped.
        """
        done = self.flush(self.close_timeout if timeout is None else timeout)
        with self._changed:
            self._closed = True
            self._give_up(self._items)
            self._items.clear()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0 if done else 0.1)
        return done

    def stats(self):
        """Counts since the start. Dropped ones did not fit into the queue, or were left over at the end."""
        with self._changed:
            return {"queued": self._queued, "stored": self._stored, "rejected": self._rejected, "dropped": self._dropped,
                    "waiting": self._queued - self._settled, "retries": self._retries}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # The queue.

    def _reset(self):
        self._changed = threading.Condition(threading.Lock())
        self._items = collections.deque()
        self._held = 0  # bytes, queued or being sent
        self._queued = self._settled = self._urgent = 0
        self._stored = self._rejected = self._dropped = self._retries = 0
        self._oldest = 0.0
        self._closed = False
        self._thread = None
        self._complained = -math.inf

    def _put(self, raw):
        with self._changed:
            waiting = self._queued - self._settled
            if self._closed or waiting >= self.queue_records or self._held + len(raw) > self.queue_bytes:
                self._dropped += 1
                return False
            if not self._items:
                self._oldest = time.monotonic()
            self._items.append(raw)
            self._held += len(raw)
            self._queued += 1
            if self._thread is None:
                try:
                    self._thread = threading.Thread(target=self._run, name="aictl-records", daemon=True)
                    self._thread.start()
                except RuntimeError:  # the interpreter is ending
                    self._thread = None
            if len(self._items) == 1 or len(self._items) >= self.batch_records or self._held >= self.batch_bytes:
                self._changed.notify_all()
            return True

    def _take(self):
        """Waits for a batch; empty when the recorder has closed."""
        with self._changed:
            while True:
                if self._closed:
                    return []
                left = self._oldest + self.interval - time.monotonic()
                due = len(self._items) >= self.batch_records or self._held >= self.batch_bytes or self._urgent > self._settled
                if self._items and (due or left <= 0):
                    break
                self._changed.wait(left if self._items else None)
            batch, size = [], 0
            while self._items and len(batch) < self.batch_records and (not batch or size + len(self._items[0]) <= self.batch_bytes):
                size += len(self._items[0])
                batch.append(self._items.popleft())
            self._oldest = time.monotonic()
            return batch

    def _give_up(self, items):
        """Counts what will not be sent. Called with the lock held."""
        self._settled += len(items)
        self._held -= sum(map(len, items))
        self._dropped += len(items)
        self._changed.notify_all()

    def _settle(self, batch, stored=0, rejected=0):
        with self._changed:
            self._settled += len(batch)
            self._held -= sum(map(len, batch))
            self._stored += stored
            self._rejected += rejected
            self._changed.notify_all()

    # The thread.

    def _run(self):
        connection = _Connection(self.url, self.token, self.timeout)
        while True:
            batch = self._take()
            if not batch:
                break
            try:
                self._deliver(connection, batch)
            except Exception as fault:  # a fault of this file must not end the thread
                self._settle(batch, rejected=len(batch))
                self._complain("%d records are lost: %r" % (len(batch), fault))
        connection.close()

    def _deliver(self, connection, batch):
        """Sends a batch until it is taken or refused, or the recorder has closed."""
        attempt = 0
        while True:
            status, body, wait = connection.send(batch)
            if status in (200, 207):
                return self._taken(batch, body)
            if status == 413 and len(batch) > 1:
                half = len(batch) // 2
                self._deliver(connection, batch[:half])
                return self._deliver(connection, batch[half:])
            if 400 <= status < 500 and status not in (401, 403, 404, 408, 429):
                self._settle(batch, rejected=len(batch))
                return self._complain("%d records are refused: %s" % (len(batch), _detail(body)))
            attempt += 1
            pause = wait if wait is not None else min(_LONGEST_BACKOFF, 0.1 * 2 ** min(attempt, 12))
            self._complain("records cannot be sent to %s and wait: %s" % (self.url, _detail(body)))
            if not self._pause(pause * random.uniform(0.5, 1.5)):
                with self._changed:
                    return self._give_up(batch)

    def _taken(self, batch, body):
        rejected = []
        with contextlib.suppress(ValueError, AttributeError):
            rejected = json.loads(body).get("rejected") or []
        self._settle(batch, stored=len(batch) - len(rejected), rejected=len(rejected))
        if rejected:
            self._complain("%d records are refused; the first: %s" % (len(rejected), rejected[0].get("reason")))

    def _pause(self, seconds):
        """Waits; False when the recorder has closed meanwhile."""
        with self._changed:
            self._retries += 1
            self._changed.wait_for(lambda: self._closed, seconds)
            return not self._closed

    def _complain(self, text):
        if time.monotonic() - self._complained >= _COMPLAIN_EVERY:
            self._complained = time.monotonic()
            log.warning("%s", text)


class Exchange:
    """What a with statement records. Set response, and status or error where they are known; fields holds the rest."""

    def __init__(self, request, fields):
        self.request, self.response = request, None
        self.status = fields.pop("status", None)
        self.error = fields.pop("error", None)
        self.started_at = time.time()
        self.fields = fields


class _Connection:
    """One connection, opened when it is needed and used again while it lasts."""

    def __init__(self, url, token, timeout):
        self.parts, self.token, self.timeout, self.http = urllib.parse.urlsplit(url), token, timeout, None
        self.prefix = "" if self.parts.scheme == "unix" else self.parts.path.rstrip("/")

    @staticmethod
    def check(url):
        parts = urllib.parse.urlsplit(url)
        if not (parts.scheme in ("http", "https") and parts.hostname or parts.scheme == "unix" and parts.path):
            raise ValueError("url %r: want http://HOST:PORT, https://HOST:PORT or unix:/path/to/api.sock" % url)

    def send(self, batch):
        """Returns the status (0 when there was no answer), the answer's body, and how long to wait, where that is told."""
        body = b"\n".join(batch) + b"\n"
        headers = {"Content-Type": "application/x-ndjson", "User-Agent": "aictl-records-python"}
        if len(body) >= _COMPRESS_FROM:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        try:
            if self.http is None:
                self.http = self._open()
            self.http.request("POST", self.prefix + _PATH, body, headers)
            answer = self.http.getresponse()
            text = answer.read()
            if answer.will_close:
                self.close()
            return answer.status, text, _retry_after(answer.getheader("Retry-After"))
        except (OSError, http.client.HTTPException) as fault:
            self.close()
            return 0, repr(fault).encode(), None

    def _open(self):
        if self.parts.scheme == "unix":
            return _UnixConnection(self.parts.path, self.timeout)
        kind = http.client.HTTPSConnection if self.parts.scheme == "https" else http.client.HTTPConnection
        return kind(self.parts.hostname, self.parts.port, timeout=self.timeout)

    def close(self):
        if self.http is not None:
            self.http.close()
            self.http = None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("aictl", timeout=timeout)
        self.unix = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.unix)


def new_id(started_at):
    """Returns a UUIDv7 of a time in seconds since 1970."""
    bits = int.from_bytes(os.urandom(10), "big")
    value = (int(started_at * 1000) & (1 << 48) - 1) << 80 | 7 << 76 | (bits >> 62 & 0xFFF) << 64 | 2 << 62 | bits & (1 << 62) - 1
    return str(uuid.UUID(int=value))


def _side(body):
    if isinstance(body, (bytes, bytearray, memoryview)):
        return {"body": base64.b64encode(bytes(body)).decode("ascii"), "body_encoding": "base64"}
    if isinstance(body, str):
        return {"body": body}
    return {"body": body, "body_encoding": "json"}


def _encode(item):
    """Returns the record as JSON, now: what is changed afterwards does not change the record."""
    try:
        return json.dumps(item, default=_plain, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        return json.dumps(_tame(item, 0), separators=(",", ":")).encode("ascii")


def _plain(value):
    """Stands in for what JSON does not have."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, (set, frozenset)):
        return list(value)
    for name in ("tolist", "model_dump", "_asdict"):  # numpy, pydantic, named tuples
        with contextlib.suppress(Exception):
            return getattr(value, name)()
    return str(value)


def _tame(value, depth):
    """Makes anything JSON: other keys become texts, numbers that JSON lacks null, what is too deep a text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > 100:
        return "..."
    if isinstance(value, dict):
        return {str(k): _tame(v, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_tame(v, depth + 1) for v in value]
    return _tame(_plain(value), depth + 1)


def _arguments(args, kwargs):
    if len(args) == 1 and not kwargs:
        return args[0]
    return {"args": list(args), "kwargs": kwargs} if args else kwargs


def _retry_after(text):
    with contextlib.suppress(TypeError, ValueError):
        return min(max(float(text), 0.0), _LONGEST_BACKOFF)
    return None


def _detail(body):
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return json.loads(body)["detail"]
    return body.decode("utf-8", "replace")[:200]


_recorders = weakref.WeakSet()


def _close_all():
    for recorder in list(_recorders):
        recorder.close()


def _forked():
    # The parent sends what was queued; its locks may be held by threads that are not here.
    for recorder in list(_recorders):
        recorder._reset()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
