"""The soak: both daemons under steady load while their servers fall ill and recover."""
