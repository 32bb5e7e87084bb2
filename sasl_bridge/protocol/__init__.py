"""Dovecot's authentication protocol, the server's side towards mail servers, without I/O.

`connection` holds the state; `commands` and `parameters` read what the client sends, `replies`
write what it gets, `escaping` is how both keep one field one field.
"""
