"""The bench: both daemons beside the programs that do the same work, under the same load."""
