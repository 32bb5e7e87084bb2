/* The protocols of the load: how one asks, and what an answer says.

   Each is a `struct kind`. They know who asks and with which number, and nothing of sockets. */

#ifndef BENCH_KINDS_H
#define BENCH_KINDS_H

#include "people.h"

#define BUFFER 2048

struct connection {
    int socket;
    bool greeted;
    unsigned person;
    unsigned long number;
    double asked;
    size_t received;
    char in[BUFFER];
};

/* A protocol: what is said first, how one asks, and what is told by what came so far. */
enum told { NOTHING_YET, YES, NO, SOMETHING_ELSE };
struct kind {
    const char *name;
    bool greets, one_each;
    size_t (*ask)(char *to, const struct connection *from);
    enum told (*told)(const struct connection *by);
};

static unsigned people;
static bool wrong; /* passwords and senders are to be wrong ones */
static char responses[PEOPLE][64];

/* Dovecot's auth protocol */

static void encode(const char *from, size_t length, char *to)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        unsigned bits = 0;
        for (size_t j = i; j < i + 3; j++)
            bits = bits << 8 | (j < length ? (unsigned char)from[j] : 0);
        for (int k = 3; k >= 0; k--, to++)
            *to = i + (size_t)(3 - k) > length ? '=' : letters[bits >> 6 * k & 63];
    }
    *to = 0;
}

static void password_of(char *to, unsigned person)
{
    write_password(to, person);
    if (wrong)
        to[0] = 'P';
}

static void prepare_responses(void)
{
    for (unsigned person = 0; person < people; person++) {
        char text[64] = {0}; /* RFC 4616: NUL, login, NUL, password */
        write_login(text + 1, person);
        password_of(text + LOGIN_LENGTH + 2, person);
        encode(text, LOGIN_LENGTH + PASSWORD_LENGTH + 2, responses[person]);
    }
}

static size_t ask_auth(char *to, const struct connection *from)
{
    return (size_t)sprintf(to,
                           "AUTH\t%lu\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.25\t"
                           "rip=192.0.2.7\tsecured\tresp=%s\n",
                           from->number, responses[from->person]);
}

static bool is_whole_line(const struct connection *by)
{
    return by->received && by->in[by->received - 1] == '\n';
}

static enum told told_auth(const struct connection *by)
{
    char login[LOGIN_LENGTH + 1], yes[64], no[64];
    if (!is_whole_line(by))
        return NOTHING_YET;
    write_login(login, by->person);
    size_t yes_length = (size_t)sprintf(yes, "OK\t%lu\tuser=%s", by->number, login);
    if (strncmp(by->in, yes, yes_length) == 0)
        return YES;
    size_t no_length = (size_t)sprintf(no, "FAIL\t%lu\t", by->number);
    return strncmp(by->in, no, no_length) == 0 ? NO : SOMETHING_ELSE;
}

/* saslauthd: strings, each after its length in two bytes */

static size_t put_counted(char *to, const char *text)
{
    size_t length = strlen(text);
    to[0] = (char)(length >> 8);
    to[1] = (char)length;
    memcpy(to + 2, text, length);
    return length + 2;
}

static size_t ask_mux(char *to, const struct connection *from)
{
    char login[LOGIN_LENGTH + 1], password[PASSWORD_LENGTH + 1];
    const char *strings[] = {login, password, "smtp", ""};
    size_t length = 0;
    write_login(login, from->person);
    password_of(password, from->person);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        length += put_counted(to + length, strings[i]);
    return length;
}

static enum told told_mux(const struct connection *by)
{
    if (by->received < 4)
        return NOTHING_YET;
    if (memcmp(by->in + 2, "OK", 2) == 0)
        return YES;
    return memcmp(by->in + 2, "NO", 2) == 0 ? NO : SOMETHING_ELSE;
}

/* Policy delegation: the attributes of Postfix 3.7, in its order */

static size_t ask_policy(char *to, const struct connection *from)
{
    char login[LOGIN_LENGTH + 1], sender[LOGIN_LENGTH + 1];
    write_login(login, from->person);
    write_login(sender, wrong ? (from->person + 1) % PEOPLE : from->person);
    return (size_t)sprintf(
        to,
        "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
        "client_address=192.0.2.7\nclient_name=client.example.net\nclient_port=%lu\n"
        "reverse_client_name=client.example.net\nserver_address=192.0.2.25\nserver_port=587\n"
        "helo_name=client.example.net\nsender=%s\nrecipient=r%lu@example.net\n"
        "recipient_count=0\nqueue_id=\ninstance=8a1.6743a5b0.%lx.0\nsize=2312\netrn_domain=\n"
        "stress=\nsasl_method=PLAIN\nsasl_username=%s\nsasl_sender=\nccert_subject=\n"
        "ccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\n"
        "encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\n"
        "encryption_keysize=256\npolicy_context=\n\n",
        1024 + from->number % 60000, sender, from->number, from->number, login);
}

static enum told told_policy(const struct connection *by)
{
    if (by->received < 2 || memcmp(by->in + by->received - 2, "\n\n", 2) != 0)
        return NOTHING_YET;
    if (strncasecmp(by->in, "action=dunno\n\n", 14) == 0)
        return YES;
    return strncmp(by->in, "action=553 ", 11) == 0 ? NO : SOMETHING_ELSE;
}

static const struct kind kinds[] = {
    {"auth", true, false, ask_auth, told_auth},
    {"mux", false, true, ask_mux, told_mux},
    {"policy", false, false, ask_policy, told_policy},
};

#endif
