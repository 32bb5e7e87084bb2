"""The way to another server: its addresses, TLS, and what goes wrong there."""
