"""Which addresses a login owns."""
