/* What the stub servers have in common: a listening port, connections, one loop.

   A stub defines one function, `consume`, which is given what a client has sent so far. It appends
   its answers to the connection and returns how many bytes it has used up; it sets `ended` when
   the connection is to be closed. Answers leave in one write, at once or after a delay that takes
   no CPU, as those of a server elsewhere do.
   A stub ends when it cannot go on (exit code 1, the reason on standard error) or by a signal. */

#ifndef BENCH_STUB_H
#define BENCH_STUB_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 8192
#define BACKLOG 4096
#define EVENTS 256

struct connection {
    int socket;
    bool ended;
    unsigned delayed; /* answers that wait; the connection is kept for them */
    size_t received, to_send;
    char in[BUFFER], out[BUFFER];
};

/* Answers that wait, in their order: all are delayed alike. */
struct delayed {
    struct delayed *next;
    long due_us;
    struct connection *client;
    size_t length;
    char bytes[];
};

static struct delayed *first, **last = &first;
static long delay_us;

static const char *greeting(void);
static size_t consume(struct connection *client, const char *from, size_t length);

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Append an answer. What a client may ask in one buffer has answers that fit into one. */
static void answer(struct connection *client, const char *bytes, size_t length)
{
    if (client->to_send + length > sizeof client->out) {
        client->ended = true;
        return;
    }
    memcpy(client->out + client->to_send, bytes, length);
    client->to_send += length;
}

static void send_now(struct connection *client, const char *bytes, size_t length)
{
    if (send(client->socket, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        client->ended = true;
}

static long now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void delay(struct connection *client)
{
    struct delayed *answers = malloc(sizeof *answers + client->to_send);
    if (!answers)
        fail("malloc");
    answers->next = NULL;
    answers->due_us = now_us() + delay_us;
    answers->client = client;
    answers->length = client->to_send;
    memcpy(answers->bytes, client->out, client->to_send);
    client->delayed++;
    *last = answers;
    last = &answers->next;
}

static void flush(struct connection *client)
{
    if (client->to_send && delay_us)
        delay(client);
    else if (client->to_send)
        send_now(client, client->out, client->to_send);
    client->to_send = 0;
}

static void close_if_ended(struct connection *client)
{
    if (!client->ended || client->delayed)
        return;
    close(client->socket);
    free(client);
}

/* Send the answers that are due; returns how many microseconds the next one has, or -1. */
static long send_due(void)
{
    while (first) {
        struct delayed *answers = first;
        long left = answers->due_us - now_us();
        if (left > 0)
            return left;
        struct connection *client = answers->client;
        if (!(first = answers->next))
            last = &first;
        client->delayed--;
        send_now(client, answers->bytes, answers->length);
        close_if_ended(client);
        free(answers);
    }
    return -1;
}

static int listen_at(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    int one = 1, socket_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(socket_, (struct sockaddr *)&address, sizeof address) || listen(socket_, BACKLOG))
        fail("listen");
    return socket_;
}

static void accept_all(int poll, int listening)
{
    int socket_, one = 1;
    while ((socket_ = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *client = malloc(sizeof *client);
        if (!client)
            fail("malloc");
        client->socket = socket_;
        client->ended = false;
        client->delayed = 0;
        client->received = client->to_send = 0;
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        epoll_ctl(poll, EPOLL_CTL_ADD, socket_, &event);
        answer(client, greeting(), strlen(greeting()));
        flush(client);
    }
}

static void serve(int poll, struct connection *client)
{
    ssize_t length = recv(client->socket, client->in + client->received,
                          sizeof client->in - client->received, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length > 0) {
        client->received += (size_t)length;
        size_t used = consume(client, client->in, client->received);
        client->received -= used;
        memmove(client->in, client->in + used, client->received);
        flush(client);
    }
    if (length <= 0 || client->received == sizeof client->in)
        client->ended = true;
    if (client->ended) /* it waits for delayed answers at most */
        epoll_ctl(poll, EPOLL_CTL_DEL, client->socket, NULL);
    close_if_ended(client);
}

static int wait_for_events(int poll, struct epoll_event *events)
{
    long left = send_due();
    struct timespec time = {.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};
    return epoll_pwait2(poll, events, EVENTS, left < 0 ? NULL : &time, NULL);
}

int main(int count, char **arguments)
{
    if (count < 2 || count > 3) {
        fprintf(stderr, "usage: %s PORT [DELAY_US]\n", arguments[0]);
        return 2;
    }
    delay_us = count == 3 ? atol(arguments[2]) : 0;
    int poll = epoll_create1(0), listening = listen_at((unsigned)atoi(arguments[1]));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    epoll_ctl(poll, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        int number = wait_for_events(poll, events);
        for (int i = 0; i < number; i++) {
            if (events[i].data.ptr)
                serve(poll, events[i].data.ptr);
            else
                accept_all(poll, listening);
        }
    }
}

#endif
