"""The vault: personal data encrypted with AES-256-GCM, a key per person and per parcel.

A master key wraps every such key. To erase a person is to destroy theirs. A ciphertext says by which key it
was made and is bound to the place where it lies (table, column, row), so it opens nowhere else. A person is found
again by a keyed hash of the contact, which nobody can compute without the key for finding, which lies wrapped in
`vault_keys`.
"""

import hmac
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from buuta.errors import BadSettings, DatabaseAway, Unopenable

NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32
MASTER_ID_BYTES: Final = 4
GENERATION_BYTES: Final = 8
FINDING: Final = b"finding"
"""Whose key the one for finding is."""


def read_master_key(setting: SecretStr, variable: str = "BUUTA_MASTER_KEY") -> bytes:
    """A master key from its setting: 64 hex digits, or `@` and the path of a file that holds them.

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
            f"{variable} is {'(secret)' if text else 'not set'}: it wants 64 hex digits, or @PATH of a file that "
            "holds them; make one with: openssl rand -hex 32"
        )
    return key


@dataclass(frozen=True)
class Place:
    """Where a ciphertext lies: `table.column`, and what names its row for good. It opens nowhere else."""

    column: str
    row: bytes

    @property
    def bound(self) -> bytes:
        """The associated data of the encryption."""
        return b"%b\x00%b" % (self.column.encode(), self.row)


class Owned:
    """A person's or parcel's key, wrapped, with the hash that its owner is found by.

    Its generation tells it from a key that the same owner had before and that was destroyed.
    """

    __slots__ = ("owner", "wrapped")

    def __init__(self, owner: bytes, wrapped: bytes) -> None:
        self.owner = owner
        self.wrapped = wrapped

    @property
    def generation(self) -> bytes:
        """What every ciphertext under this key begins with."""
        return self.wrapped[MASTER_ID_BYTES : MASTER_ID_BYTES + GENERATION_BYTES]


class _Master:
    """What is derived from one master key, which itself encrypts nothing; `id` tells it without telling it."""

    def __init__(self, key: bytes) -> None:
        self.id = _derive(key, b"id")[:MASTER_ID_BYTES]
        self.wrapping = AESGCM(_derive(key, b"wrap"))
        self.sealing = AESGCM(_derive(key, b"seal"))


class Vault:
    """Encrypts, opens and finds. The master key seals; a second one opens, too, while keys are rotated.

    It finds nothing until it is unlocked by the key for finding (`buuta/storage/unlocking.py`).
    """

    def __init__(self, master_key: bytes, previous: bytes | None = None) -> None:
        self._current = _Master(master_key)
        known = [self._current] if previous is None else [self._current, _Master(previous)]
        self._masters = {master.id: master for master in known}
        self._finding: bytes | None = None

    @property
    def master_id(self) -> bytes:
        """What everything begins with that the current master key wraps or seals."""
        return self._current.id

    @property
    def is_locked(self) -> bool:
        """Whether the key for finding was not read yet."""
        return self._finding is None

    def unlock(self, wrapped: bytes) -> None:
        """Take the key for finding.

        Raises:
            Unopenable: another master key wrapped it.
        """
        self._finding = self._unwrap(Owned(FINDING, wrapped))

    def find_by(self, *parts: str) -> bytes:
        """The keyed hash (32 bytes) by which a person, a parcel or a recipient is found again.

        Raises:
            DatabaseAway: the key for finding was not read yet.
        """
        if self._finding is None:
            raise DatabaseAway("the vault is locked until PostgreSQL has answered once")
        text = "\x00".join(parts).encode("utf-8", "surrogatepass")
        return hmac.new(self._finding, text, "sha256").digest()

    def new_key(self, owner: bytes) -> bytes:
        """A fresh key of a new generation, wrapped; bound to its owner."""
        return self._wrap(owner, os.urandom(GENERATION_BYTES), os.urandom(KEY_BYTES))

    def seal(self, key: Owned, place: Place, plain: bytes) -> bytes:
        """Encrypt with an owner's key.

        Raises:
            Unopenable: no master key that we were given wrapped this key.
        """
        return key.generation + _seal(AESGCM(self._unwrap(key)), plain, place.bound)

    def open(self, key: Owned | None, place: Place, sealed: bytes) -> bytes | None:
        """Decrypt with an owner's key; None where the key that sealed was destroyed: forgotten.

        Raises:
            Unopenable: another master key, or bytes that were tampered with or moved here from another place.
        """
        if key is None or sealed[:GENERATION_BYTES] != key.generation:
            return None
        return _open(AESGCM(self._unwrap(key)), sealed[GENERATION_BYTES:], place.bound)

    def seal_directly(self, place: Place, plain: bytes) -> bytes:
        """Encrypt what is no person's and no parcel's."""
        return self._current.id + _seal(self._current.sealing, plain, place.bound)

    def open_directly(self, place: Place, sealed: bytes) -> bytes:
        """Decrypt what `seal_directly` sealed at this place.

        Raises:
            Unopenable: as `open`.
        """
        return _open(self._master(sealed).sealing, sealed[MASTER_ID_BYTES:], place.bound)

    def rewrapped(self, key: Owned) -> bytes:
        """The same key of the same generation, wrapped by the current master key.

        Raises:
            Unopenable: as `open`.
        """
        return self._wrap(key.owner, key.generation, self._unwrap(key))

    def _wrap(self, owner: bytes, generation: bytes, key: bytes) -> bytes:
        return self._current.id + generation + _seal(self._current.wrapping, key, generation + owner)

    def _unwrap(self, key: Owned) -> bytes:
        cipher = self._master(key.wrapped).wrapping
        wrapped = key.wrapped[MASTER_ID_BYTES + GENERATION_BYTES :]
        return _open(cipher, wrapped, key.generation + key.owner)

    def _master(self, begins: bytes) -> _Master:
        master = self._masters.get(begins[:MASTER_ID_BYTES])
        if master is None:
            raise Unopenable(
                f"it was sealed under the master key {begins[:MASTER_ID_BYTES].hex()}, which was not given; "
                f"BUUTA_MASTER_KEY is {self.master_id.hex()}"
            )
        return master


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, b"buuta " + purpose).derive(master_key)


def _seal(cipher: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound_to)


def _open(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        raise Unopenable("it does not open here: it was changed, or moved from another row") from None
