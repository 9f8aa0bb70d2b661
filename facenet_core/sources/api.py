"""Asks the documented interface of a source, which answers in JSON."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from facenet_core.errors import (
    HttpStatusError,
    SourceAnswerError,
    SourceError,
    SourceKeyError,
    SourceQuotaError,
    SourceSetupError,
)
from facenet_core.sources.fields import mapping, text
from facenet_core.sources.links import address
from facenet_core.sources.patience import Allowance, TryAgain
from facenet_core.sources.web import PASSING, READ_TIMEOUT, Web, WebAnswer

MAX_ANSWER = 16 * 2**20
"""Bytes of the longest answer, packed and unpacked. 500 results of Flickr have about 0.5 MB."""


@dataclass(frozen=True, slots=True)
class ApiAnswer(WebAnswer):
    """What an interface answered.

    Attributes:
        data: The JSON object; an empty one where an error came with something else.
    """

    data: Mapping[str, Any]


Check = Callable[[ApiAnswer], None]
"""Raises SourceError for what a source calls an error, TryAgain if it may pass."""


class Api:
    """One interface with its key.

    Args:
        web: Sends the requests.
        title: What to call the source in messages.
        url: Where it is.
        check: Tells its errors.
        secret_query: Parameters that hold a key.
        secret_headers: Headers that do.
        read_timeout: Seconds that it may think about an answer.

    Raises:
        SourceSetupError: If a key would travel unencrypted.
        SourceKeyError: If a key can't be one.
    """

    def __init__(
        self,
        web: Web,
        title: str,
        url: str,
        check: Check,
        *,
        secret_query: Mapping[str, str] | None = None,
        secret_headers: Mapping[str, str] | None = None,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self.title = title
        self._web = web
        self._url = address(url)
        self._check = check
        self._query = dict(secret_query or {})
        self._headers = dict(secret_headers or {})
        self._read_timeout = read_timeout
        if not all(key.isascii() and key.isprintable() for key in (*self._query.values(), *self._headers.values())):
            raise SourceKeyError(f"{title}: its key has characters in it that no key has. Copy it again.")
        if (self._query or self._headers) and not web.may_have_secrets(self._url):
            raise SourceSetupError(
                f"{title}: its address begins with http, so that its key could be read on the way. Use https, or list "
                "the host in FACENET_ALLOWED_PRIVATE_HOSTS if it is yours."
            )

    def get(self, params: Mapping[str, str | int]) -> Mapping[str, Any]:
        """Asks, and again if it may help.

        Args:
            params: Of the query, without the key.

        Returns:
            The answer, in which the source sees no error.

        Raises:
            SourceError: If there is none; the message names the source.
        """
        url = self._url.copy_merge_params(dict(params))
        allowance = self._web.allowance()
        try:
            return self._web.persist(lambda: self._attempt(url, allowance), allowance).data
        except HttpStatusError as error:  # it asked earlier to be left alone for long
            raise self.quota_used(error.until) from error

    def quota_used(self, until: datetime | None = None, why: str | None = None) -> SourceQuotaError:
        """The error for a source that has been asked too much.

        Args:
            until: When it may be asked again, if that is known.
            why: What the source said.
        """
        when = f"Try again after {until:%Y-%m-%d %H:%M} UTC." if until else "Try again later."
        said = f" It says: {self.said(why)}" if why else ""
        return SourceQuotaError(f"{self.title}: it has been asked as much as it allows.{said} {when}", until)

    def busy(self, answer: WebAnswer, why: str | None = None) -> SourceError | TryAgain:
        """What to raise for an answer that asks to be asked later.

        Args:
            answer: It may say when.
            why: What the source said.
        """
        waits = self._web.waits(answer)
        return self._web.passing(answer, self.quota_used(self._web.later(waits) if waits else None, why))

    def said(self, message: object) -> str:
        """A message of the source's as a sentence, without the key if it should repeat that."""
        sentence = (text(message) or "nothing more")[:200]
        for secret in (*self._query.values(), *self._headers.values()):
            sentence = sentence.replace(secret, "***")
        return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."

    def nonsense(self, what: str) -> SourceAnswerError:
        """The error for an answer that can't be understood.

        Args:
            what: What it is, as words that fit after "it answers with".
        """
        return SourceAnswerError(f"{self.title}: it answers with {what}. Try again later.")

    def _attempt(self, url: httpx.URL, allowance: Allowance) -> ApiAnswer:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **self._headers}
        got = self._web.get(
            url,
            limit=MAX_ANSWER,
            allowance=allowance,
            headers=headers,
            secret=self._query,
            name=self.title,
            read_timeout=self._read_timeout,
        )
        answer = ApiAnswer(got.url, got.status, got.headers, got.content, self._data(got))
        self._check(answer)
        if got.status == httpx.codes.TOO_MANY_REQUESTS:
            raise self.busy(got)
        if got.status in PASSING:
            disorder = f"{self.title}: it is out of order for now (status {got.status}). Try again later."
            raise self._web.passing(got, SourceAnswerError(disorder))
        if got.status != httpx.codes.OK:
            raise self.nonsense(f"status {got.status} ({self.said(mapping(answer.data).get('error'))[:-1]})")
        return answer

    def _data(self, got: WebAnswer) -> Mapping[str, Any]:
        """The JSON of an answer.

        Raises:
            TryAgain: If it is none, although the status says that all is well.
        """
        try:
            data = json.loads(self._unpacked(got))
        except (ValueError, RecursionError) as error:  # ValueError: no JSON, or no UTF-8
            if got.status != httpx.codes.OK:
                return {}
            raise TryAgain(self.nonsense("something that is not JSON")) from error
        if not isinstance(data, dict) and got.status == httpx.codes.OK:
            raise TryAgain(self.nonsense("JSON of another form than documented"))
        return mapping(data)

    def _unpacked(self, got: WebAnswer) -> bytes:
        coding = str(got.headers.get("Content-Encoding", "identity")).strip().lower()
        if coding in ("", "identity"):
            return got.content
        if coding not in ("gzip", "x-gzip"):
            raise TryAgain(self.nonsense(f"the encoding {self.said(coding)[:-1]}, which was not asked for"))
        unpacker = zlib.decompressobj(wbits=31)  # 31: with gzip's head
        try:
            content = unpacker.decompress(got.content, MAX_ANSWER)
        except zlib.error as error:
            raise TryAgain(self.nonsense("something that is damaged")) from error
        if unpacker.unconsumed_tail:
            raise self.nonsense(f"more than {MAX_ANSWER // 2**20} MB")
        if not unpacker.eof:
            raise TryAgain(self.nonsense("something that is cut short"))
        return content
