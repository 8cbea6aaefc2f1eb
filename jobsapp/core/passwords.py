"""What a password has to be: long, not too long, and not what everybody tries first."""

from __future__ import annotations

import unicodedata

SHORTEST = 12
LONGEST_BYTES = 1024
FEWEST_DIFFERENT = 4
# What lists of leaked passwords begin with, as far as it is long enough; with digits and signs after it, too.
WORDS = """
password passwort contraseña motdepasse passwordpassword passw0rdpassw0rd p@ssword p@ssw0rd passw0rd mypassword
yourpassword newpassword defaultpassword changeme changemenow changeit letmein letmeinnow welcome welcomehome
administrator administrador adminadmin adminadminadmin superadmin superuser rootroot rootrootroot testtesttest
qwerty qwertyuiop qwertyqwerty qwerty123456 qwertyuiopasdf qwertyuiopasdfgh qwertzuiop azertyuiop asdfghjkl
asdfghjklqwe asdfasdfasdf zxcvbnmasdfgh 1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx3edc 1qaz2wsx3edc4rfv qazwsxedcrfv
qazwsxedc q1w2e3r4t5y6 1234qwerasdf abc123abc123 abcdefghijkl abcdefghijklm abcdefghijklmnopqrstuvwxyz abcdabcdabcd
123456789abc 012345678901 0123456789 01234567890 0123456789012 123456789012 1234567890123 12345678901234
123456789123 123456789123456789 1234567890 123451234512345 123123123123 121212121212 112233445566 987654321098
9876543210 098765432109 147258369147 159753159753 iloveyou iloveyouforever iloveyousomuch ihateyou
unbelievable sunshine princess football baseball basketball superman batman dragon monkey master shadow michael
jennifer starwars computer internet whatever trustno1 chocolate liverpool manchester manchesterunited
correcthorsebatterystaple thisismypassword secretsecret topsecret secret jobsapp jobsappjobsapp
"""
COMMON = frozenset(WORDS.split())
TAIL = "0123456789!@#$%^&*()-_=+.,;:?/ "


def normal(password: str) -> str:
    """As it is hashed: keyboards and systems write the same letter in several ways."""
    return unicodedata.normalize("NFKC", password)


def fault(password: str, email: str) -> str | None:
    """What is wrong with a new password of the user with that e-mail, and how to mend it. None: nothing."""
    text = normal(password)
    plain = text.lower()
    if len(text) < SHORTEST:
        return f"must have at least {SHORTEST} characters: some words one after the other are easy to keep in mind."
    if is_too_long(password):
        return f"must have at most {LONGEST_BYTES:,} bytes."
    if plain in (email.lower(), email.lower().partition("@")[0]):
        return "must not be your e-mail address: choose something that nobody knows."
    if len(set(plain)) < FEWEST_DIFFERENT or plain in COMMON or plain.rstrip(TAIL) in COMMON:
        return "is one of those that are tried first: choose something that only you would think of."
    return None


def is_too_long(password: str) -> bool:
    """Whether it is more than anybody's: hashing takes time with its length."""
    return max(len(one.encode(errors="replace")) for one in (password, normal(password))) > LONGEST_BYTES
