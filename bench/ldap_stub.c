/* An LDAP server that costs next to nothing: it knows the people of people.h.

   Each is uid=uNNNN,ou=people,dc=example,dc=com, and found by any filter that compares something
   with the login. The service account is that of the tests' slapd (tests/lab/directory_entries.py).
   Answers simple binds and searches (RFC 4511); refuses extended operations; reads no controls.
   What it says needs no length of more than one byte. */

#include "people.h"
#include "stub.h"

#define SERVICE "cn=gateway,ou=service,dc=example,dc=com"
#define SERVICE_PASSWORD "gateway's own: \xc2\xabservice\xc2\xbb" /* UTF-8 */
#define BEFORE_NUMBER "uid=u"
#define AFTER_NUMBER ",ou=people,dc=example,dc=com"
#define DN_LENGTH (sizeof BEFORE_NUMBER - 1 + 4 + sizeof AFTER_NUMBER - 1)

enum tag {
    INTEGER = 0x02,
    OCTETS = 0x04,
    ENUMERATED = 0x0a,
    SEQUENCE = 0x30,
    SET = 0x31,
    UNBIND = 0x42,
    BIND = 0x60,
    BIND_RESPONSE = 0x61,
    SEARCH = 0x63,
    SEARCH_ENTRY = 0x64,
    SEARCH_DONE = 0x65,
    EXTENDED = 0x77,
    EXTENDED_RESPONSE = 0x78,
    SIMPLE = 0x80,
    EQUALITY = 0xa3,
};

enum result { SUCCESS = 0, PROTOCOL_ERROR = 2, INVALID_CREDENTIALS = 49 };

struct element {
    unsigned tag;
    const char *value;
    size_t length;
};

static const char *greeting(void)
{
    return "";
}

/* Read one element; returns what follows it, or NULL if it is not all there. */
static const char *read_element(const char *from, const char *end, struct element *element)
{
    if (end - from < 2)
        return NULL;
    element->tag = (unsigned char)*from++;
    size_t length = (unsigned char)*from++;
    if (length & 0x80) {
        size_t bytes = length & 0x7f;
        if (bytes > 4 || (size_t)(end - from) < bytes)
            return NULL;
        for (length = 0; bytes; bytes--)
            length = length << 8 | (unsigned char)*from++;
    }
    if ((size_t)(end - from) < length)
        return NULL;
    element->value = from;
    element->length = length;
    return from + length;
}

static size_t wrap(char *to, enum tag tag, const char *from, size_t length)
{
    to[0] = (char)tag;
    to[1] = (char)length;
    memcpy(to + 2, from, length);
    return length + 2;
}

/* Send an operation with the message number of the request. */
static void reply(struct connection *client, const struct element *number, enum tag tag,
                  const char *operation, size_t length)
{
    char message[256], whole[256];
    size_t used = wrap(message, INTEGER, number->value, number->length);
    used += wrap(message + used, tag, operation, length);
    answer(client, whole, wrap(whole, SEQUENCE, message, used));
}

static void reply_result(struct connection *client, const struct element *number, enum tag tag,
                         enum result result)
{
    char operation[] = {ENUMERATED, 1, (char)result, OCTETS, 0, OCTETS, 0};
    reply(client, number, tag, operation, sizeof operation);
}

static bool is(const struct element *element, const char *text)
{
    return element->length == strlen(text) && memcmp(element->value, text, element->length) == 0;
}

static bool may_bind(const struct element *name, const struct element *password)
{
    if (is(name, SERVICE))
        return is(password, SERVICE_PASSWORD);
    const char *number = name->value + sizeof BEFORE_NUMBER - 1;
    return name->length == DN_LENGTH &&
           memcmp(name->value, BEFORE_NUMBER, sizeof BEFORE_NUMBER - 1) == 0 &&
           memcmp(number + 4, AFTER_NUMBER, sizeof AFTER_NUMBER - 1) == 0 &&
           is_password(number, password->value, password->length);
}

static void serve_bind(struct connection *client, const struct element *number,
                       const struct element *bind)
{
    struct element version, name, password = {.tag = 0};
    const char *next = bind->value, *end = bind->value + bind->length;
    if ((next = read_element(next, end, &version)) && (next = read_element(next, end, &name)))
        read_element(next, end, &password);
    bool right = password.tag == SIMPLE && may_bind(&name, &password);
    reply_result(client, number, BIND_RESPONSE, right ? SUCCESS : INVALID_CREDENTIALS);
}

/* Return the login that a filter compares something with, or NULL. */
static const char *login_in(const struct element *filter)
{
    struct element part, value;
    const char *next = filter->value, *end = filter->value + filter->length, *found = NULL;
    if (filter->tag == EQUALITY) {
        if ((next = read_element(next, end, &part)) && read_element(next, end, &value))
            return is_login(value.value, value.length) ? value.value : NULL;
        return NULL;
    }
    bool has_parts = filter->tag >= 0xa0 && filter->tag <= 0xa2; /* and, or, not */
    while (has_parts && !found && (next = read_element(next, end, &part)))
        found = login_in(&part);
    return found;
}

/* Whether these attributes, what a search asks for, have mail among them. */
static bool has_mail(const struct element *attributes)
{
    struct element name;
    const char *next = attributes->value, *end = attributes->value + attributes->length;
    while ((next = read_element(next, end, &name)))
        if (is(&name, "mail") || is(&name, "*"))
            return true;
    return attributes->length == 0;
}

static void reply_entry(struct connection *client, const struct element *number,
                        const char *login, bool with_mail)
{
    char dn[DN_LENGTH + 1], value[64], list[64], attribute[64], entry[128];
    snprintf(dn, sizeof dn, "%s%.4s%s", BEFORE_NUMBER, login + 1, AFTER_NUMBER);
    size_t length = wrap(value, OCTETS, login, LOGIN_LENGTH);
    size_t used = wrap(attribute, OCTETS, "mail", 4);
    used += wrap(attribute + used, SET, value, length);
    length = with_mail ? wrap(list, SEQUENCE, attribute, used) : 0;
    used = wrap(entry, OCTETS, dn, DN_LENGTH);
    used += wrap(entry + used, SEQUENCE, list, length);
    reply(client, number, SEARCH_ENTRY, entry, used);
}

static void serve_search(struct connection *client, const struct element *number,
                         const struct element *search)
{
    struct element filter, attributes;
    const char *next = search->value, *end = search->value + search->length;
    /* base, scope, aliases, size limit, time limit, types only, and then the filter */
    for (int i = 0; i < 7 && next; i++)
        next = read_element(next, end, &filter);
    const char *login = next ? login_in(&filter) : NULL;
    if (login && read_element(next, end, &attributes))
        reply_entry(client, number, login, has_mail(&attributes));
    reply_result(client, number, SEARCH_DONE, SUCCESS);
}

static void serve_message(struct connection *client, const struct element *message)
{
    struct element number, operation = {.tag = UNBIND};
    const char *end = message->value + message->length;
    const char *next = read_element(message->value, end, &number);
    if (next)
        read_element(next, end, &operation);
    if (operation.tag == BIND)
        serve_bind(client, &number, &operation);
    else if (operation.tag == SEARCH)
        serve_search(client, &number, &operation);
    else if (operation.tag == EXTENDED)
        reply_result(client, &number, EXTENDED_RESPONSE, PROTOCOL_ERROR);
    else if (operation.tag == UNBIND)
        client->ended = true;
}

static size_t consume(struct connection *client, const char *from, size_t length)
{
    const char *begin = from, *end = from + length, *next;
    struct element message;
    while (!client->ended && (next = read_element(from, end, &message))) {
        serve_message(client, &message);
        from = next;
    }
    return (size_t)(from - begin);
}
