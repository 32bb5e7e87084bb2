"""What keeps a daemon running: endpoints, passed sockets, signals, reload, drain, control."""
