'use strict';
// A small JSON-over-HTTP server: keep-alive, JSON errors, a clean stop on SIGTERM.

const http = require('node:http');

const MAX_BODY = 8 << 20; // bytes; a larger request is answered 413

/** Thrown by a handler to answer with a 4xx status and a message that says what to do. */
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Refused(413, `the body is larger than ${MAX_BODY >> 20} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Parses a request's body as a JSON object, or refuses with 400. */
function parseObject(body) {
  let document;
  try {
    document = JSON.parse(body.toString('utf8'));
  } catch (fault) {
    throw new Refused(400, `the body is not JSON: ${fault.message}`);
  }
  if (document === null || typeof document !== 'object' || Array.isArray(document)) {
    throw new Refused(400, 'the body must be a JSON object');
  }
  return document;
}

function find(routes, method, path) {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const handler = routes[`${wanted} ${path}`];
  if (handler) return handler;
  const known = Object.keys(routes).map((route) => route.split(' '));
  const allowed = known.filter(([, p]) => p === path).map(([m]) => m);
  if (allowed.length > 0) throw new Refused(405, `${path} takes ${allowed.join(', ')}, not ${method}`);
  throw new Refused(404, `no such path: ${path}; there are ${known.map(([, p]) => p).join(', ')}`);
}

async function answer(routes, request) {
  try {
    const handler = find(routes, request.method, request.url.split('?')[0]);
    return [200, handler(await readBody(request))];
  } catch (fault) {
    if (fault instanceof Refused) return [fault.status, { error: fault.message }];
    console.error(`${request.method} ${request.url}: ${fault.stack}`);
    return [500, { error: "internal error, see the service's log" }];
  }
}

/** Serves {"METHOD /path": handler(body)} on $HOST:$PORT until SIGTERM or SIGINT; what a handler returns becomes JSON. */
function serve(routes, host = process.env.HOST || '127.0.0.1', port = Number(process.env.PORT || 8000)) {
  const server = http.createServer({ keepAliveTimeout: 120_000 }, async (request, response) => {
    const started = performance.now();
    const [status, document] = await answer(routes, request);
    const payload = Buffer.from(JSON.stringify(document) + '\n');
    const headers = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': payload.length };
    if (status === 413 || !server.listening) headers.Connection = 'close';
    response.writeHead(status, headers);
    response.end(payload);
    if (status !== 200 || request.method !== 'GET') {
      console.error(`${request.method} ${request.url} ${status} ${(performance.now() - started).toFixed(1)} ms`);
    }
  });
  server.on('clientError', (_, socket) => {
    if (!socket.writable) return;
    const body = '{"error": "this is not an HTTP request"}\n';
    socket.end('HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n'
      + `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  });
  server.on('error', (fault) => {
    console.error(`cannot listen on ${host}:${port}: ${fault.message}`);
    process.exit(1);
  });
  server.listen(port, host, () => console.error(`listening on http://${host}:${server.address().port}`));
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      server.close(() => console.error('stopped')); // waits for the requests in progress
      server.closeIdleConnections();
    });
  }
  return server;
}

module.exports = { MAX_BODY, Refused, parseObject, serve };
