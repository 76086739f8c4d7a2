"""The vault: personal data encrypted with AES-256-GCM, a key per person and shipper.

The master key wraps every person's key. To erase a person is to destroy that key. A person is found
again by a keyed hash of the contact, which nobody can compute without the master key.
"""

import hmac
import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from buuta.errors import BadSettings

NONCE_BYTES = 12
KEY_BYTES = 32


def read_master_key(setting: SecretStr) -> bytes:
    """The master key from the setting: 64 hex digits, or `@` and the path of a file that holds them.

    Raises:
        BadSettings: no such file, or no 32 bytes in hex.
    """
    text = setting.get_secret_value()
    try:
        if text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="ascii").strip()
        key = bytes.fromhex(text)
    except (OSError, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadSettings(
            "BUUTA_MASTER_KEY is (secret): it wants 64 hex digits, or @PATH of a file that holds them; "
            "make one with: openssl rand -hex 32"
        )
    return key


class Vault:
    """Encrypts and finds by derived keys; the master key itself encrypts nothing."""

    def __init__(self, master_key: bytes) -> None:
        self._wrapping = AESGCM(_derive(master_key, b"wrap"))
        self._payloads = AESGCM(_derive(master_key, b"payload"))
        self._finding = _derive(master_key, b"find")

    def find_by(self, *parts: str) -> bytes:
        """The keyed hash (32 bytes) by which a person or a recipient is found again."""
        text = "\x00".join(parts).encode()
        return hmac.new(self._finding, text, "sha256").digest()

    def new_person_key(self, person_hash: bytes) -> bytes:
        """A fresh key for a person, wrapped; bound to the person's hash."""
        return _seal(self._wrapping, os.urandom(KEY_BYTES), person_hash)

    def seal(self, wrapped_key: bytes, person_hash: bytes, plain: bytes) -> bytes:
        """Encrypt with a person's key."""
        return _seal(self._person(wrapped_key, person_hash), plain, person_hash)

    def open(self, wrapped_key: bytes, person_hash: bytes, sealed: bytes) -> bytes:
        """Decrypt with a person's key.

        Raises:
            cryptography.exceptions.InvalidTag: wrong key, or bytes that were tampered with.
        """
        return _open(self._person(wrapped_key, person_hash), sealed, person_hash)

    def seal_payload(self, plain: bytes) -> bytes:
        """Encrypt a quarantined payload."""
        return _seal(self._payloads, plain, b"quarantine")

    def open_payload(self, sealed: bytes) -> bytes:
        """Decrypt a quarantined payload."""
        return _open(self._payloads, sealed, b"quarantine")

    def _person(self, wrapped_key: bytes, person_hash: bytes) -> AESGCM:
        return AESGCM(_open(self._wrapping, wrapped_key, person_hash))


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, b"buuta " + purpose).derive(master_key)


def _seal(cipher: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound_to)


def _open(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
