"""API keys and URL tokens: shown once, kept as hashes, compared in constant time by PostgreSQL's index.

A key holds 256 random bits, so a plain SHA-256 keeps it: there is nothing to guess by dictionary.
"""

import hashlib
import secrets


def new_secret(prefix: str) -> str:
    """A fresh key such as `bk_…` or token such as `bw_…`."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def secret_hash(secret: str) -> bytes:
    """What is stored of a key, and what it is found by."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
