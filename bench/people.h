/* The people of the bench: who logs in, and with what password.

   Number N (below PEOPLE) is uNNNN@example.com, and the password is password-NNNN.
   The load and the stub servers agree by this file alone; nothing is looked up. */

#ifndef BENCH_PEOPLE_H
#define BENCH_PEOPLE_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PEOPLE 10000
#define LOGIN_LENGTH 17    /* uNNNN@example.com */
#define PASSWORD_LENGTH 13 /* password-NNNN */

static inline void write_number(char *to, unsigned person)
{
    for (int place = 3; place >= 0; place--, person /= 10)
        to[place] = (char)('0' + person % 10);
}

static inline void write_login(char *to, unsigned person)
{
    memcpy(to, "u0000@example.com", LOGIN_LENGTH + 1);
    write_number(to + 1, person);
}

static inline void write_password(char *to, unsigned person)
{
    memcpy(to, "password-0000", PASSWORD_LENGTH + 1);
    write_number(to + 9, person);
}

/* Whether these bytes are the login of somebody. */
static inline bool is_login(const char *text, size_t length)
{
    if (length != LOGIN_LENGTH || text[0] != 'u' || memcmp(text + 5, "@example.com", 12) != 0)
        return false;
    for (int place = 1; place <= 4; place++)
        if (text[place] < '0' || text[place] > '9')
            return false;
    return true;
}

/* Whether this password belongs to that number, four digits. */
static inline bool is_password(const char *number, const char *text, size_t length)
{
    return length == PASSWORD_LENGTH && memcmp(text, "password-", 9) == 0 &&
           memcmp(text + 9, number, 4) == 0;
}

#endif
