"""Fuzz programs: one for each parser that a stranger feeds; `python -m fuzz` runs them all."""
