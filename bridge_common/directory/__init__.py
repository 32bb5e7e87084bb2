"""LDAP directories: who has this login, and is this the password."""
