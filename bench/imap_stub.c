/* An IMAP server that costs next to nothing: it knows the people of people.h and no mail.

   Says CAPABILITY, LOGIN with quoted strings or atoms, AUTHENTICATE PLAIN with an initial response
   or without, ID, NOOP and LOGOUT; everything else is BAD. No literals, no TLS. */

#include "people.h"
#include "stub.h"

#define CAPABILITIES "IMAP4rev1 SASL-IR ID AUTH=PLAIN"
#define LINE 512

static const char *greeting(void)
{
    return "* OK [CAPABILITY " CAPABILITIES "] ready\r\n";
}

static void say(struct connection *client, const char *tag, const char *text)
{
    char line[2 * LINE];
    int length = snprintf(line, sizeof line, "%s %s\r\n", tag, text);
    answer(client, line, (size_t)length);
}

static void verdict(struct connection *client, const char *tag, bool right)
{
    if (right)
        say(client, tag, "OK [CAPABILITY " CAPABILITIES "] logged in");
    else
        say(client, tag, "NO [AUTHENTICATIONFAILED] wrong");
}

static bool is_right(const char *login, size_t login_length, const char *password, size_t length)
{
    return is_login(login, login_length) && is_password(login + 1, password, length);
}

/* Cut an astring off a line; returns what follows it, or NULL. */
static char *cut_string(char *from, char **text, size_t *length)
{
    bool quoted = *from == '"';
    *text = from + quoted;
    *length = strcspn(*text, quoted ? "\"" : " ");
    char *end = *text + *length;
    if (quoted && *end != '"')
        return NULL;
    return end + quoted;
}

static bool login_is_right(char *arguments)
{
    char *login, *password, *rest;
    size_t login_length, length;
    rest = cut_string(arguments, &login, &login_length);
    if (!rest || *rest != ' ' || !cut_string(rest + 1, &password, &length))
        return false;
    return is_right(login, login_length, password, length);
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static size_t decode(const char *from, char *to)
{
    unsigned bits = 0, number = 0;
    size_t length = 0;
    for (; digit(*from) >= 0; from++) {
        bits = bits << 6 | (unsigned)digit(*from);
        if (number++ % 4)
            to[length++] = (char)(bits >> (6 - 2 * ((number - 1) % 4)));
    }
    return length;
}

/* RFC 4616: authorization identity, NUL, login, NUL, password. */
static bool plain_is_right(const char *response)
{
    char text[LINE];
    size_t length = decode(response, text);
    const char *end = text + length;
    const char *login = memchr(text, 0, length);
    const char *password = login ? memchr(login + 1, 0, (size_t)(end - login - 1)) : NULL;
    if (!password)
        return false;
    return is_right(login + 1, (size_t)(password - login - 1), password + 1,
                    (size_t)(end - password - 1));
}

/* Without an initial response the next line is the response; it is waited for in the buffer, and
   asked for as long as nothing of it is there. */
static bool authenticate(struct connection *client, const char *tag, char *arguments, char *next,
                         bool begun)
{
    char *response = strchr(arguments, ' ');
    if (response) {
        verdict(client, tag, plain_is_right(response + 1));
        return true;
    }
    if (!next && !begun)
        answer(client, "+ \r\n", 4);
    if (!next)
        return false;
    verdict(client, tag, plain_is_right(next));
    return true;
}

static void command(struct connection *client, char *tag, char *name, char *arguments)
{
    if (strcasecmp(name, "LOGIN") == 0 && arguments) {
        verdict(client, tag, login_is_right(arguments));
    } else if (strcasecmp(name, "CAPABILITY") == 0) {
        say(client, "*", "CAPABILITY " CAPABILITIES);
        say(client, tag, "OK done");
    } else if (strcasecmp(name, "ID") == 0) {
        say(client, "*", "ID NIL");
        say(client, tag, "OK done");
    } else if (strcasecmp(name, "NOOP") == 0) {
        say(client, tag, "OK done");
    } else if (strcasecmp(name, "LOGOUT") == 0) {
        say(client, "*", "BYE");
        say(client, tag, "OK done");
        client->ended = true;
    } else {
        say(client, tag, "BAD what?");
    }
}

/* Return the end of a line, its CRLF cut off, or NULL if it is not there yet. */
static char *line_end(char *line, const char *end)
{
    char *feed = memchr(line, '\n', (size_t)(end - line));
    if (!feed)
        return NULL;
    *feed = 0;
    if (feed > line && feed[-1] == '\r')
        feed[-1] = 0;
    return feed + 1;
}

static size_t consume(struct connection *client, const char *from, size_t length)
{
    char copy[BUFFER + 1];
    memcpy(copy, from, length);
    char *line = copy, *end = copy + length, *next;
    while (!client->ended && (next = line_end(line, end))) {
        char *tag = line, *save, *name, *arguments;
        tag = strtok_r(tag, " ", &save);
        name = tag ? strtok_r(NULL, " ", &save) : NULL;
        arguments = name ? strtok_r(NULL, "", &save) : NULL;
        if (!name) {
            client->ended = true;
        } else if (strcasecmp(name, "AUTHENTICATE") == 0 && arguments) {
            char *after = line_end(next, end);
            if (!authenticate(client, tag, arguments, after ? next : NULL, next < end))
                return (size_t)(line - copy);
            next = after && !strchr(arguments, ' ') ? after : next;
        } else {
            command(client, tag, name, arguments);
        }
        line = next;
    }
    return (size_t)(line - copy);
}
