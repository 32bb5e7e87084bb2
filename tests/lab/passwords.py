"""Passwords that are hard to carry, each with one that looks like it."""

# The right one, and one that is wrong by what gets lost where a password is cut or decoded.
PASSWORDS = {
    "ascii": ("correct-Horse.9", "correct-horse.9"),
    "utf-8": ("Bücher ñ 密码", "Bucher ñ 密码"),
    "quotes": ('a "b" \\c\\ "', 'a "b" c "'),
    "inner-spaces": ("one  two three", "one two three"),
    "leading-space": (" secret", "secret"),
    "trailing-space": ("secret ", "secret"),
    "braces": ("{5+}", "{5}"),
    "braces-behind": ("secret{5+}", "secret"),
    "percent": ("100%u%%{login}", "100%{login}"),
}
