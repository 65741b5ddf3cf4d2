"""Answers put under a seal: bytes that neither the page's text nor its data show, opened while an answer is checked.

No secret: whoever runs the page's own code in a debugger sees what it sees.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

__all__ = ["sealed"]

_BITS = 0xFFFFFFFF
_ROOM = 64  # bytes that a sealed text is a multiple of, so that its length says little


def sealed(content: Any, key: str) -> str:
    """Return JSON under a seal, in base 64. key: what the page puts together again, other for each question."""
    text = json.dumps(content, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    data = text.encode("ascii").ljust(-(-len(text) // _ROOM) * _ROOM)
    return b64encode(bytes(b ^ k for b, k in zip(data, keystream(key, len(data))))).decode("ascii")


def keystream(key: str, length: int) -> bytes:
    """Return bytes that look random: FNV-1a of the key starts a xorshift generator, as in ``unsealed`` of quiz.js."""
    state = 0x811C9DC5
    for byte in key.encode("utf-8"):
        state = ((state ^ byte) * 0x01000193) & _BITS
    state = state or 1
    found = bytearray()
    while len(found) < length + 16:  # the first numbers still resemble the key's
        state ^= (state << 13) & _BITS
        state ^= state >> 17
        state ^= (state << 5) & _BITS
        found.append((state >> 11) & 0xFF)
    return bytes(found[16:])
