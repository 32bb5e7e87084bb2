"""bridgectl's commands, one file each."""
