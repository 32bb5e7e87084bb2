"""Does a server of the list, or a directory, work? Looked at in our own way, and in another."""
