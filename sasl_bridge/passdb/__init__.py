"""Who can say whether a login and a password belong together; everything here is a `Passdb`."""
