"""Program 1, sasl-bridge: says whether a login and its password belong together."""
