"""The ground: what both daemons stand on, and nothing else."""
