"""Texts that callers carry and do not read: cursors, and tokens of positions."""

from __future__ import annotations

import base64
import binascii


def opaque(text: str) -> str:
    """The text as a token for an address."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def clear(token: str) -> str:
    """The text of a token. Raises ValueError where it is none."""
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except binascii.Error as error:
        raise ValueError(token) from error
