"""The lab: real Postfix, Dovecot, Cyrus and the real daemon, on loopback, for tests and the demo.

Knows how each of them is set up, started, waited for and stopped in a temporary folder.
Uses nothing but the standard library and the programs themselves: the demo runs where PyPI is not.
"""
