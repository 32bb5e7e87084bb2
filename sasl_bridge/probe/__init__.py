"""Does a server of the list work? Looked at in the daemon's own way, and in another client's."""
