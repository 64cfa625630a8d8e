"""Tokens that let somebody in: made at random, stored as a hash, compared in constant time."""

import hashlib
import hmac
import os


def new_token(prefix: str) -> str:
    """A prefix that says what it is, and 160 random bits in hex."""
    return prefix + os.urandom(20).hex()


def new_open_id() -> str:
    """A user's id inside one app: letters and digits, so that it may be part of a uid."""
    return "o" + os.urandom(16).hex()


def token_hash(token: str) -> str:
    """What the database keeps. The token is random, so a plain hash cannot be searched."""
    return hashlib.sha256(
        b"callboard token\n" + token.encode("utf-8", "surrogatepass")
    ).hexdigest()


def same_hash(a: str, b: str) -> bool:
    """Compare two hashes in constant time."""
    return hmac.compare_digest(a.encode(), b.encode())
