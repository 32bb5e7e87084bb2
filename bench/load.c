/* The load: so many requests at once, each answer checked, and how long each took.

   usage: load KIND WHERE AT_ONCE SECONDS PEOPLE [wrong|RATE]
   KIND     auth    Dovecot's auth protocol, as Postfix speaks it
            mux     saslauthd's protocol, a connection for each request
            policy  Postfix's policy delegation protocol, each request about another message
   WHERE    a port of loopback, or the path of a UNIX socket
   SECONDS  0: each of the PEOPLE asks once
   wrong    with wrong passwords, with the senders of others: each must be refused
   RATE     so many a second, however long the answers take, and AT_ONCE at a time at most; one
            that must wait for its turn has begun when it was due

   One request at a time on each connection. The people (people.h) take turns.
   Prints what it counted as JSON; a wrong answer, silence or a closed connection ends it with
   exit code 1 and the reason on standard error. Nothing is written or allocated on the way. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "kinds.h"

#define MOST_AT_ONCE 1024
#define SILENCE_MS 15000
/* Latencies are counted by the microsecond up to 65 ms, and by the millisecond beyond. */
#define FINE 65536
#define COARSE 65536

static const struct kind *kind;
static const char *where;
static unsigned next_person;
static unsigned long asked, answered;
static double rate, first_ms;
static unsigned counts[FINE + COARSE];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "load: %s %s: %s after %lu answers\n", kind->name, where, what, answered);
    if (text)
        fprintf(stderr, "load: got: %s\n", *text ? text : text + 2); /* saslauthd: the length */
    exit(1);
}

/* Connections */

static int connected(void)
{
    int one = 1, port = atoi(where), socket_;
    if (port) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socket_ = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(socket_, (struct sockaddr *)&to, sizeof to))
            fail("cannot connect", NULL);
    } else {
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        strncpy(to.sun_path, where, sizeof to.sun_path - 1);
        socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(socket_, (struct sockaddr *)&to, sizeof to))
            fail("cannot connect", NULL);
    }
    return socket_;
}

static void open_connection(int poll, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    connection->socket = connected();
    connection->received = 0;
    epoll_ctl(poll, EPOLL_CTL_ADD, connection->socket, &event);
}

static void send_all(const struct connection *to, const char *bytes, size_t length)
{
    if (send(to->socket, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        fail("cannot send", NULL);
}

static void greet(const struct connection *connection, size_t number)
{
    char hello[64];
    int length = sprintf(hello, "VERSION\t1\t0\nCPID\t%zu\n", 1000 + number);
    send_all(connection, hello, (size_t)length);
}

static void ask(int poll, struct connection *connection)
{
    char request[BUFFER];
    if (kind->one_each)
        open_connection(poll, connection);
    connection->number = ++asked;
    connection->person = next_person++ % people;
    connection->received = 0;
    connection->asked = now();
    send_all(connection, request, kind->ask(request, connection));
}

static void count(double seconds)
{
    double us = seconds * 1e6;
    if (!answered)
        first_ms = seconds * 1e3;
    size_t place = us < FINE ? (size_t)us : FINE + (size_t)(us / 1000);
    counts[place < FINE + COARSE ? place : FINE + COARSE - 1]++;
    answered++;
}

/* Return the latency in milliseconds that this share of the answers did not exceed. */
static double share_ms(double share)
{
    unsigned long seen = 0;
    size_t place = 0;
    while (place < FINE + COARSE - 1 && (double)(seen += counts[place]) < share * (double)answered)
        place++;
    return place < FINE ? (double)place / 1000 : (double)(place - FINE);
}

/* The run */

enum heard { MORE, GREETED, ANSWERED };

static enum heard hear(struct connection *connection)
{
    size_t room = sizeof connection->in - 1 - connection->received;
    ssize_t length = recv(connection->socket, connection->in + connection->received, room, 0);
    if (length <= 0)
        fail(length ? "error" : room ? "closed" : "too long an answer", connection->in);
    connection->received += (size_t)length;
    connection->in[connection->received] = 0;
    if (kind->greets && !connection->greeted) {
        connection->greeted = strstr(connection->in, "\nDONE\n") != NULL;
        return connection->greeted ? GREETED : MORE;
    }
    enum told told = kind->told(connection);
    if (told == NOTHING_YET)
        return MORE;
    if (told != (wrong ? NO : YES))
        fail("a wrong answer", connection->in);
    return ANSWERED;
}

/* Wait until every connection is open and greeted. */
static void begin(int poll, struct connection *connections, size_t number)
{
    size_t greeted = 0;
    for (size_t i = 0; i < number && !kind->one_each; i++) {
        open_connection(poll, &connections[i]);
        if (kind->greets)
            greet(&connections[i], i);
    }
    while (kind->greets && greeted < number) {
        struct epoll_event event;
        if (epoll_wait(poll, &event, 1, SILENCE_MS) <= 0)
            fail("no greeting", NULL);
        greeted += hear(event.data.ptr) == GREETED;
    }
}

static double run(int poll, struct connection *connections, size_t number, double seconds)
{
    struct epoll_event events[64];
    unsigned long open = number;
    double start = now(), end = seconds > 0 ? start + seconds : start + 1e9;
    unsigned long most = seconds > 0 ? (unsigned long)-1 : people;
    for (size_t i = 0; i < number; i++)
        ask(poll, &connections[i]);
    while (open) {
        int ready = epoll_wait(poll, events, 64, SILENCE_MS);
        if (ready <= 0)
            fail("silence", NULL);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (hear(connection) != ANSWERED)
                continue;
            double time = now();
            count(time - connection->asked);
            if (kind->one_each)
                close(connection->socket);
            if (time < end && asked < most)
                ask(poll, connection);
            else
                open--;
        }
    }
    return now() - start;
}

/* Ask as many as are due and find a connection; returns when the next one is due. */
static double ask_due(int poll, struct connection **idle, size_t *free_, double start, double end)
{
    double due;
    while ((due = start + (double)asked / rate) < end && due <= now() && *free_) {
        struct connection *connection = idle[--*free_];
        ask(poll, connection);
        connection->asked = due;
    }
    return due;
}

static int wait_until(int poll, struct epoll_event *events, double moment)
{
    double left = moment - now();
    long ns = left > 0 ? (long)(left * 1e9) : 0;
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return epoll_pwait2(poll, events, 64, &time, NULL);
}

static double run_at_rate(int poll, struct connection *connections, size_t number, double seconds)
{
    static struct connection *idle[MOST_AT_ONCE];
    struct epoll_event events[64];
    size_t idle_ = 0;
    double start = now(), end = start + seconds, due, heard = start;
    while (idle_ < number)
        idle[idle_] = &connections[idle_], idle_++;
    while ((due = ask_due(poll, idle, &idle_, start, end)) < end || idle_ < number) {
        bool waits = idle_ == 0 || due >= end; /* for an answer, not for its time */
        int ready = wait_until(poll, events, waits ? heard + SILENCE_MS / 1e3 : due);
        if (ready <= 0 && waits)
            fail("silence", NULL);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            heard = now();
            if (hear(connection) != ANSWERED)
                continue;
            count(heard - connection->asked);
            idle[idle_++] = connection;
        }
    }
    return now() - start;
}

static void usage(void)
{
    fprintf(stderr, "usage: load auth|mux|policy WHERE AT_ONCE SECONDS PEOPLE [wrong|RATE]\n");
    exit(2);
}

static size_t read_arguments(int count_, char **arguments)
{
    if (count_ < 6 || count_ > 7)
        usage();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(arguments[1], kinds[i].name) == 0)
            kind = &kinds[i];
    where = arguments[2];
    size_t number = (size_t)atoi(arguments[3]);
    people = (unsigned)atoi(arguments[5]);
    wrong = count_ == 7 && strcmp(arguments[6], "wrong") == 0;
    rate = count_ == 7 && !wrong ? atof(arguments[6]) : 0;
    if (!kind || number < 1 || number > MOST_AT_ONCE || people < number || people > PEOPLE)
        usage();
    if (count_ == 7 && !wrong && (rate <= 0 || kind->one_each))
        usage();
    return number;
}

int main(int count_, char **arguments)
{
    static struct connection connections[MOST_AT_ONCE];
    size_t number = read_arguments(count_, arguments);
    int poll = epoll_create1(0);
    prepare_responses();
    begin(poll, connections, number);
    double most = atof(arguments[4]);
    double seconds = rate > 0 ? run_at_rate(poll, connections, number, most)
                              : run(poll, connections, number, most);
    printf("{\"answers\": %lu, \"seconds\": %.4f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
           "\"first_ms\": %.3f, \"longest_ms\": %.3f}\n",
           answered, seconds, share_ms(0.5), share_ms(0.99), first_ms, share_ms(1));
    return 0;
}
