// The service that is started, crashed and listened to in the benchmark: as small as can be, so that what is measured is
// the manager. Usage: service SOCKET NAME
//
// It connects to the benchmark's unix socket and says "hello PID NAME". On "go BYTES" it writes as much in lines of 100
// bytes to stdout, as fast as they are taken, and answers "done NANOSECONDS". When the benchmark goes away, so does it.
// With PORT in its environment it answers every HTTP request there with 200 and JSON of 1 KiB, or of as many bytes as ANSWER says.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 256, REQUEST = 16384, LINE = 100, BURST = 655 * LINE };

struct client {
	int used;
	long skip; // bytes of a large body still to come
	char data[REQUEST];
};

static struct pollfd fds[2 + CLIENTS]; // the benchmark, the listener, the clients
static struct client clients[CLIENTS];
static char answer[2048];
static size_t answer_size;

static void die(const char *what) {
	perror(what);
	exit(1);
}

static int connect_beacon(const char *path, const char *name) {
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof addr.sun_path) {
		errno = ENAMETOOLONG;
		die(path);
	}
	strcpy(addr.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) die(path);
	char hello[256];
	int n = snprintf(hello, sizeof hello, "hello %d %s", (int)getpid(), name);
	if (send(fd, hello, n, MSG_NOSIGNAL) < 0) die("hello");
	return fd;
}

static int listen_http(const char *port) {
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, 128) < 0) die("listen");
	char body[1024];
	const char *wanted = getenv("ANSWER");
	size_t size = wanted ? strtoul(wanted, NULL, 10) : sizeof body;
	if (size < 30 || size > sizeof body) die("ANSWER");
	memset(body, 'x', size);
	memcpy(body, "{\"status\": \"ok\", \"fill\": \"", 26);
	memcpy(body + size - 2, "\"}", 2);
	answer_size = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", size);
	memcpy(answer + answer_size, body, size);
	answer_size += size;
	return fd;
}

static void accept_client(void) {
	int one = 1, fd = accept4(fds[1].fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	for (int i = 0; i < CLIENTS; i++) {
		if (fds[2 + i].fd >= 0) continue;
		fds[2 + i] = (struct pollfd){.fd = fd, .events = POLLIN};
		clients[i].used = 0;
		clients[i].skip = 0;
		return;
	}
	close(fd);
}

// The size of the request that the buffer starts with, 0 while its head is not all there.
static long request_size(struct client *c) {
	c->data[c->used] = 0;
	char *end = strstr(c->data, "\r\n\r\n");
	if (!end) return 0;
	long size = (end - c->data) + 4;
	for (char *line = strstr(c->data, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n"))
		if (!strncasecmp(line + 2, "content-length:", 15)) size += atol(line + 17);
	return size;
}

static void drop_client(int i) {
	close(fds[2 + i].fd);
	fds[2 + i].fd = -1;
}

// Reads and forgets a body that does not fit into the buffer.
static void skip_body(int i) {
	static char bulk[1 << 18];
	struct client *c = &clients[i];
	ssize_t n = read(fds[2 + i].fd, bulk, c->skip < (long)sizeof bulk ? (size_t)c->skip : sizeof bulk);
	if (n <= 0) {
		drop_client(i);
		return;
	}
	c->skip -= n;
	if (c->skip == 0 && write(fds[2 + i].fd, answer, answer_size) < 0) drop_client(i);
}

static void serve_client(int i) {
	struct client *c = &clients[i];
	if (c->skip > 0) {
		skip_body(i);
		return;
	}
	int n = read(fds[2 + i].fd, c->data + c->used, REQUEST - 1 - c->used);
	if (n <= 0) {
		drop_client(i);
		return;
	}
	c->used += n;
	for (long size; (size = request_size(c)) > 0;) {
		if (size >= REQUEST) {
			c->skip = size - c->used;
			c->used = 0;
			return;
		}
		if (size > c->used) return;
		if (write(fds[2 + i].fd, answer, answer_size) < 0) return;
		memmove(c->data, c->data + size, c->used - size);
		c->used -= size;
	}
}

static void write_lines(long bytes) {
	static char burst[BURST];
	memset(burst, 'x', sizeof burst);
	for (int i = LINE - 1; i < BURST; i += LINE) burst[i] = '\n';
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	while (bytes > 0) {
		long want = bytes < BURST ? bytes : BURST;
		for (long at = 0; at < want;) {
			ssize_t n = write(1, burst + at, want - at);
			if (n < 0 && errno != EINTR) die("write");
			if (n > 0) at += n;
		}
		bytes -= want;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	char done[64];
	int n = snprintf(done, sizeof done, "done %lld", (b.tv_sec - a.tv_sec) * 1000000000LL + (b.tv_nsec - a.tv_nsec));
	if (send(fds[0].fd, done, n, MSG_NOSIGNAL) < 0) die("done");
}

static void obey(void) {
	char order[64];
	ssize_t n = recv(fds[0].fd, order, sizeof order - 1, 0);
	if (n <= 0) exit(0);
	order[n] = 0;
	if (!strncmp(order, "go ", 3)) write_lines(atol(order + 3));
}

int main(int argc, char **argv) {
	if (argc != 3) {
		fprintf(stderr, "usage: service SOCKET NAME\n");
		return 2;
	}
	for (int i = 0; i < CLIENTS; i++) fds[2 + i].fd = -1;
	fds[0] = (struct pollfd){.fd = connect_beacon(argv[1], argv[2]), .events = POLLIN};
	const char *port = getenv("PORT");
	fds[1] = (struct pollfd){.fd = port ? listen_http(port) : -1, .events = POLLIN};
	for (;;) {
		if (poll(fds, 2 + CLIENTS, -1) < 0) continue;
		if (fds[0].revents) obey();
		if (fds[1].revents & POLLIN) accept_client();
		for (int i = 0; i < CLIENTS; i++)
			if (fds[2 + i].fd >= 0 && fds[2 + i].revents) serve_client(i);
	}
}
