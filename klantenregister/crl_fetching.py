"""Fetching a CRL from the URL that the configuration names.

Standard: RFC 5280 section 4.2.1.13 (http is fine, a CRL is signed), RFC 9110 section 13 (conditional requests). No
other URL is ever asked: neither a redirect nor what a certificate names as its distribution point is followed, or a
Peer could send us anywhere.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp

from gateway.http.client import describe_failure

MAX_CRL_BYTES: Final = 10 * 2**20
TIMEOUT_S: Final = 30.0
_MAX_VALIDATOR_CHARACTERS: Final = 256


class CrlUnavailable(Exception):
    """The URL gave no CRL; the text says what it gave instead, and what to do."""


@dataclass(frozen=True, slots=True)
class Validators:
    """By what the server knows the edition that we hold."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Ask for a newer edition only."""
        pairs = (("If-None-Match", self.etag), ("If-Modified-Since", self.last_modified))
        return {name: value for name, value in pairs if value is not None}


NO_VALIDATORS: Final = Validators()


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer in full."""

    data: bytes
    validators: Validators


class CrlFetcher:
    """Asks for CRLs over a session of its own kind."""

    def __init__(
        self, session: aiohttp.ClientSession, *, timeout_s: float = TIMEOUT_S, max_bytes: int = MAX_CRL_BYTES
    ) -> None:
        self._session = session
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes

    async def fetch(self, url: str, known: Validators) -> Fetched | None:
        """What is at `url`; None when it is still the edition that `known` is of. Raises: CrlUnavailable."""
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.get(url, headers=known.headers(), allow_redirects=False) as answer,
            ):
                return await self._read(answer, known)
        except TimeoutError as error:
            raise CrlUnavailable(f"no answer within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CrlUnavailable(describe_failure(error)) from error

    async def _read(self, answer: aiohttp.ClientResponse, known: Validators) -> Fetched | None:
        if answer.status == HTTPStatus.NOT_MODIFIED and known != NO_VALIDATORS:
            return None
        if answer.status in range(300, 400):
            raise CrlUnavailable(f"answered {answer.status}: configure the URL that it has moved to")
        if answer.status != HTTPStatus.OK:
            raise CrlUnavailable(f"answered {answer.status}: check the URL")
        data = b""
        while part := await answer.content.read(self._max_bytes + 1 - len(data)):
            data += part
            if len(data) > self._max_bytes:
                raise CrlUnavailable(f"is larger than {self._max_bytes} bytes: check the URL")
        return Fetched(data, Validators(_validator(answer, "ETag"), _validator(answer, "Last-Modified")))


def _validator(answer: aiohttp.ClientResponse, name: str) -> str | None:
    value = answer.headers.get(name, "")
    return value if 0 < len(value) <= _MAX_VALIDATOR_CHARACTERS and value.isascii() and value.isprintable() else None
