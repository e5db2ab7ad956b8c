"""Kafka's users and what they may do. The password (SCRAM) request is ours: aiokafka 0.14 has none."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import CreateAclsRequest_v1
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Schema, TaggedFields

from desk.rights import Right
from shared.kafka.security import Security
from shared.kafka.topic_admin import connected

_SCRAM_SHA_512 = 2
_ITERATIONS = 8192
_ALLOW, _LITERAL, _ANY_HOST = 3, 3, "*"


class _AlterScramResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScramRequest(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _AlterScramResponse
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScram(Request[_AlterScramRequest]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 51

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords

    def build(self, request_struct_class: type[_AlterScramRequest]) -> _AlterScramRequest:
        salted = [(user, secrets.token_bytes(32), password) for user, password in self._passwords.items()]
        return request_struct_class(
            [],
            [
                (user, _SCRAM_SHA_512, _ITERATIONS, salt, _salted(password, salt), {})
                for user, salt, password in salted
            ],
            {},
        )


class _CreateAcls(Request[CreateAclsRequest_v1]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 30

    def __init__(self, rights: Iterable[Right]) -> None:
        self._rights = rights

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(
            [
                (int(r.resource), r.name, _LITERAL, f"User:{r.user}", _ANY_HOST, int(r.operation), _ALLOW)
                for r in self._rights
            ]
        )


async def ensure_users(
    addresses: str, security: Security, passwords: Mapping[str, str], rights: Iterable[Right]
) -> None:
    """Users with these passwords, who have these rights; a right that is there already stays. Raises KafkaError,
    TimeoutError."""
    async with connected(addresses, security) as admin:
        answer: Any = await admin._send_request(_AlterScram(passwords))
        for user, code, message, _ in answer.results:
            if code:
                raise KafkaError(f"user {user}: error {code} {message or ''}")
        answer = await admin._send_request(_CreateAcls(rights))
        for code, message in answer.creation_responses:
            if code:
                raise KafkaError(f"rights: error {code} {message or ''}")


def _salted(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
