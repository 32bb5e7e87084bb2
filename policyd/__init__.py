"""Program 2, sasl-policyd: says which envelope senders a login may use."""
