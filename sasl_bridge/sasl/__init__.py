"""SASL mechanisms, server side, without I/O: from a client's responses to a claim."""
