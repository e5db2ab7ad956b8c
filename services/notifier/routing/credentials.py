"""Secrets of the receivers file: given in it or in files that it names, and what is wrong with them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

T = TypeVar("T")

_SHORTEST_SIGNING_SECRET = 24  # bytes; Standard Webhooks, "Signature scheme"
_SIGNING_EXAMPLE = "secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class BadAddress(ValueError):
    """What is wrong with an address that only a look at its files, or at its secret, can tell. Names no secret."""

    def __init__(self, key: str, problem: str, example: str) -> None:
        super().__init__(problem)
        self.key, self.example = key, example


def secret(value: SecretStr | None, file: Path | None) -> str | None:
    """The one that is given, None without. Raises OSError if the file cannot be read."""
    if value is not None:
        return value.get_secret_value()
    return from_file(file) if file is not None else None


def from_file(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()


def readable(key: str, example: str, read: Callable[[], T]) -> T:
    """What `read` gives. Raises BadAddress if its file cannot be read."""
    what = key.removesuffix("_file")
    try:
        return read()
    except OSError as error:
        raise BadAddress(
            key, f"the {what} cannot be read ({error.strerror or type(error).__name__})", example
        ) from None
    except UnicodeDecodeError:
        raise BadAddress(key, f"the {what} is no text (UTF-8)", example) from None


def check_login(username: str | None, password: SecretStr | None, password_file: Path | None) -> None:
    """Raises ValueError unless there is a whole login or none."""
    given = (password is not None) + (password_file is not None)
    if given != (username is not None):
        raise ValueError("a login needs `username` and one of `password` and `password_file`")


def check_signing_secrets(read: Callable[[], Iterable[str]]) -> None:
    """Raises BadAddress for a secret that cannot be read, is no base64, or too short."""
    for one in readable("secret", _SIGNING_EXAMPLE, read):
        try:
            length = len(base64.b64decode(one.removeprefix("whsec_"), validate=True))
        except ValueError:
            raise BadAddress("secret", "the secret is no base64", _SIGNING_EXAMPLE) from None
        if length < _SHORTEST_SIGNING_SECRET:
            problem = f"the secret is of {length} bytes; {_SHORTEST_SIGNING_SECRET} are needed"
            raise BadAddress("secret", problem, _SIGNING_EXAMPLE)
