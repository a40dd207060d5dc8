// The floor that `make bench` measures Cadenza's HTTP layer against: the least that one thread of C can do to answer a
// small JSON document over HTTP/1.1 on edge-triggered epoll, with keep-alive and pipelining. It reads a request up to
// its CRLFCRLF and looks at nothing but the method and target; its answers are as long as Cadenza's, field by field.
// It has no limits, no timers, no log and no router. Not a part of the product.
//
// Usage: epoll_server PORT   (0 lets the kernel choose; the port is printed)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, INPUT_MAX = 16384, OUTPUT_MAX = 65536 };

typedef struct {
    int descriptor;
    int is_blocked;
    size_t input_count;
    size_t output_count;
    char input[INPUT_MAX];
    char output[OUTPUT_MAX];
} connection;

static char date[64];
static time_t date_second;

static const char ok[] =
    "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
    "X-Request-Id: req_00000000000000000000000000000000\r\nX-Content-Type-Options: nosniff\r\n"
    "Content-Length: 15\r\n\r\n{\"status\":\"ok\"}";
static const char missing[] = "HTTP/1.1 404 Not Found\r\nDate: %s\r\nContent-Length: 0\r\n\r\n";
static char ok_text[512];
static char missing_text[256];
static size_t ok_count;
static size_t missing_count;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void update_date(void) {
    time_t now = time(NULL);
    if (now == date_second) return;
    date_second = now;
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    ok_count = (size_t)snprintf(ok_text, sizeof ok_text, ok, date);
    missing_count = (size_t)snprintf(missing_text, sizeof missing_text, missing, date);
}

static void end(connection *it) {
    close(it->descriptor);
    free(it);
}

// 0 once the connection has been freed.
static int flush(connection *it) {
    size_t sent = 0;
    while (sent < it->output_count) {
        ssize_t count = send(it->descriptor, it->output + sent, it->output_count - sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) {
            it->is_blocked = 1;
            break;
        }
        if (count < 0) {
            end(it);
            return 0;
        }
        sent += (size_t)count;
    }
    memmove(it->output, it->output + sent, it->output_count - sent);
    it->output_count -= sent;
    return 1;
}

// Answers the whole requests of the input, as long as there is room for an answer.
static void answer(connection *it) {
    size_t start = 0;
    while (it->output_count + sizeof ok_text <= OUTPUT_MAX) {
        char *head = it->input + start;
        char *last = memmem(head, it->input_count - start, "\r\n\r\n", 4);
        if (!last) break;
        int is_known = strncmp(head, "GET /healthz ", 13) == 0;
        const char *text = is_known ? ok_text : missing_text;
        size_t count = is_known ? ok_count : missing_count;
        memcpy(it->output + it->output_count, text, count);
        it->output_count += count;
        start = (size_t)(last + 4 - it->input);
    }
    memmove(it->input, it->input + start, it->input_count - start);
    it->input_count -= start;
}

static void serve(connection *it) {
    while (!it->is_blocked) {
        size_t room = INPUT_MAX - it->input_count;
        ssize_t count = recv(it->descriptor, it->input + it->input_count, room, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) {
            end(it);
            return;
        }
        it->input_count += (size_t)count;
        answer(it);
        if (!flush(it)) return;
        if (it->input_count == INPUT_MAX) {
            end(it);
            return;
        }
        // A part-filled buffer means an empty socket: the next bytes will be a new edge.
        if ((size_t)count < room) return;
    }
}

static void accept_all(int epoll, int listener) {
    for (;;) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) return;
        int yes = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        connection *it = calloc(1, sizeof *it);
        if (!it) fail("calloc");
        it->descriptor = descriptor;
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = it};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)) fail("epoll_ctl");
    }
}

static int listen_on(const char *port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)atoi(port)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length)) fail("bind");
    if (listen(listener, 1024)) fail("listen");
    if (getsockname(listener, (struct sockaddr *)&address, &length)) fail("getsockname");
    printf("URL: http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **arguments) {
    int listener = listen_on(count > 1 ? arguments[1] : "0");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) fail("epoll_ctl");
    static struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
        update_date();
        for (int index = 0; index < ready; index++) {
            connection *it = events[index].data.ptr;
            if (!it) {
                accept_all(epoll, listener);
                continue;
            }
            if (events[index].events & EPOLLOUT) {
                it->is_blocked = 0;
                if (it->output_count > 0 && !flush(it)) continue;
            }
            serve(it);
        }
    }
}
