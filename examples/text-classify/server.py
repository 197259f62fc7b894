"""A small JSON-over-HTTP server on the standard library: threads, keep-alive, JSON errors, a clean stop on SIGTERM."""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

MAX_BODY = 8 << 20  # bytes; a larger request is answered 413
DRAIN = 5.0  # seconds that requests in progress get when the server stops


class Refused(Exception):
    """Raised by a handler to answer with a 4xx status and a message that says what to do."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Request:
    """What a handler gets: method, path, query as a dict, headers and the whole body as bytes."""

    def __init__(self, method, target, headers, body):
        split = urlsplit(target)
        self.method, self.path, self.query = method, split.path, dict(parse_qsl(split.query))
        self.headers, self.body = headers, body

    def json(self):
        """Returns the body as a JSON object, or refuses with 400."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError) as fault:
            raise Refused(400, f"the body is not JSON: {fault}") from None
        if not isinstance(document, dict):
            raise Refused(400, "the body must be a JSON object")
        return document


def serve(routes, host=None, port=None):
    """Serves {(method, path): handler} on $HOST:$PORT until SIGTERM or SIGINT; a handler returns what becomes JSON."""
    server = Server(
        (host or os.environ.get("HOST", "127.0.0.1"), int(port or os.environ.get("PORT", 8000))), routes
    )
    stop = threading.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: stop.set())
    loop = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    loop.start()
    log(f"listening on http://{server.server_address[0]}:{server.server_address[1]}")
    stop.wait()
    server.shutdown()
    loop.join()
    server.drain(DRAIN)
    server.server_close()
    log("stopped")


def log(message):
    print(message, file=sys.stderr, flush=True)


class Server(ThreadingHTTPServer):
    """Counts the requests in progress, so that a stop can wait for them without waiting for idle connections."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, routes):
        self.routes = routes
        self.stopping = False
        self._busy = 0
        self._idle = threading.Condition()
        super().__init__(address, Handler)

    def server_bind(self):
        # The base class looks up the host's full name here, which can hang for seconds without a name server.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    @contextlib.contextmanager
    def request(self):
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def drain(self, seconds):
        """Waits until no request is in progress, at most so many seconds; answers close their connections from now on."""
        with self._idle:
            self.stopping = True
            self._idle.wait_for(lambda: self._busy == 0, seconds)

    def handle_error(self, request, client_address):
        # A client that hangs up is not worth a stack trace; anything else is.
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120  # seconds an idle connection is kept
    wbufsize = -1  # head and body leave in one write
    disable_nagle_algorithm = True

    def do_GET(self):
        with self.server.request():
            self._handle()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def _handle(self):
        started = time.monotonic()
        try:
            status, document = 200, self._route()
        except Refused as refusal:
            status, document = refusal.status, {"error": str(refusal)}
        except ConnectionError:
            raise
        except Exception as fault:  # a bug in a handler must not cost the client its answer
            log(f"{self.command} {self.path}: {fault!r}")
            status, document = 500, {"error": "internal error, see the service's log"}
        self._answer(status, document)
        if status != 200 or self.command != "GET":
            log(f"{self.command} {self.path} {status} {(time.monotonic() - started) * 1000:.1f} ms")

    def _route(self):
        path = urlsplit(self.path).path
        body = self._read_body()
        method = "GET" if self.command == "HEAD" else self.command
        handler = self.server.routes.get((method, path))
        if handler is None:
            allowed = sorted(m for m, p in self.server.routes if p == path)
            if allowed:
                raise Refused(405, f"{path} takes {', '.join(allowed)}, not {self.command}")
            known = sorted({p for _, p in self.server.routes})
            raise Refused(404, f"no such path: {path}; there are {', '.join(known)}")
        return handler(Request(method, self.path, self.headers, body))

    def _read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            self.close_connection = True
            raise Refused(400, "Content-Length is not a number")
        self._check_size(int(length))
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionAbortedError("the client hung up before the end of the body")
        return body

    def _read_chunks(self):
        body = bytearray()
        while True:
            head = self.rfile.readline(64).split(b";")[0].strip()
            try:
                size = int(head, 16)
            except ValueError:
                size = -1
            if size < 0:
                self.close_connection = True
                raise Refused(400, "broken chunked body")
            if size == 0:
                break
            self._check_size(len(body) + size)
            body += self.rfile.read(size)
            self.rfile.readline(8)
        while self.rfile.readline(8192).strip():  # trailers
            pass
        return bytes(body)

    def _check_size(self, size):
        if size > MAX_BODY:
            self.close_connection = True  # the rest of the body stays unread
            raise Refused(413, f"the body is larger than {MAX_BODY >> 20} MiB")

    def _answer(self, status, document):
        payload = json.dumps(document, ensure_ascii=False).encode(errors="replace") + b"\n"
        self.close_connection = self.close_connection or self.server.stopping
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)
        self.wfile.flush()

    def send_error(self, code, message=None, explain=None):
        """Answers what the base class refuses by itself (a broken request line, an unknown method) in JSON, too."""
        self.close_connection = True
        self._answer(code, {"error": message or self.responses.get(code, ("",))[0]})

    def log_message(self, format, *args):
        """The base class's line per request; _handle writes its own, without one for every health probe."""
