"""The settings: `model` says what there is, `read` reads it, `write` shows what is in force."""
