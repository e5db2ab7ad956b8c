"""A request's raw body: the right type, uncompressed, of bounded size."""

from __future__ import annotations

from email.message import Message

from starlette.requests import ClientDisconnect, Request

from shared.http.problems import Problem


def _is_plain_json(request: Request) -> bool:
    """`application/json` in UTF-8 (or silent about it: JSON is UTF-8, RFC 8259) and not compressed: a compressed
    body's real size is known too late."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        return False
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    charset = header.get_content_charset("utf-8")
    return header.get_content_type() == "application/json" and charset in ("utf-8", "utf8", "us-ascii")


async def read_raw(request: Request, limit_bytes: int) -> bytes:
    """The body, at most `limit_bytes`. Raises Problem 415, 413; 400 for a client that left, which nobody reads."""
    if not _is_plain_json(request):
        raise Problem(415, "unsupported_media_type", "unsupported_media_type_detail")
    too_large = Problem(413, "too_large", "too_large_detail", limit=limit_bytes)
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:20]) > limit_bytes:
        raise too_large
    chunks = bytearray()
    try:
        async for chunk in request.stream():
            chunks += chunk
            if len(chunks) > limit_bytes:  # a chunked body announces nothing
                raise too_large
    except ClientDisconnect:
        raise Problem(400, "invalid") from None
    return bytes(chunks)
