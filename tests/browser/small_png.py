"""A browser's picture of a page made small: few colours need no three bytes a point."""

from __future__ import annotations

import struct
import zlib
from collections import Counter

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_COLOURS = 256


def small_png(picture: bytes) -> bytes:
    """The same picture with a palette of its most frequent colours; a rare one becomes the nearest of them. Takes what
    browsers write: 8 bits, RGB, not interlaced."""
    width, height = struct.unpack(">II", picture[16:24])
    assert picture[24:29] == bytes((8, 2, 0, 0, 0)), "not 8-bit RGB"
    rows = _rows(zlib.decompress(_data(picture)), width, height)
    points = [[row[x : x + 3] for x in range(0, len(row), 3)] for row in rows]
    counted = Counter(point for row in points for point in row)
    palette = [colour for colour, _ in counted.most_common(_MOST_COLOURS)]
    place = {colour: min(range(len(palette)), key=lambda n: _distance(palette[n], colour)) for colour in counted}
    packed = b"".join(b"\0" + bytes(place[point] for point in row) for row in points)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(packed, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, content) for name, content in chunks)


def _data(picture: bytes) -> bytes:
    found, at = b"", len(_SIGNATURE)
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        if picture[at + 4 : at + 8] == b"IDAT":
            found += picture[at + 8 : at + 8 + length]
        at += 12 + length
    return found


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _rows(raw: bytes, width: int, height: int) -> list[bytes]:
    """Without the filters of PNG (RFC 2083, chapter 6)."""
    stride, rows, above = 3 * width, [], bytes(3 * width)
    for y in range(height):
        kind, *row = raw[y * (stride + 1) : (y + 1) * (stride + 1)]
        for x in range(stride) if kind else ():
            left, corner = (row[x - 3], above[x - 3]) if x >= 3 else (0, 0)
            guess = (0, left, above[x], (left + above[x]) // 2, _paeth(left, above[x], corner))[kind]
            row[x] = (row[x] + guess) & 255
        above = bytes(row)
        rows.append(above)
    return rows


def _paeth(left: int, above: int, corner: int) -> int:
    return min((left, above, corner), key=lambda one: abs(left + above - corner - one))


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
