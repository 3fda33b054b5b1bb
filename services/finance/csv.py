"""A figure as CSV: its rows, flat, with the same keys as the JSON object."""

from __future__ import annotations

import csv
import io
from typing import Any


def as_csv(figure: dict[str, Any]) -> str:
    """Header and rows; nested parts become `part_key`. Text that a spreadsheet would run as a formula gets a '."""
    rows = [_flat(row) for row in figure["rows"]]
    out = io.StringIO()
    writer = csv.DictWriter(
        out, list(rows[0]) if rows else [*figure["by"], *_flat(figure["total"])], lineterminator="\r\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat.update({f"{key}_{name}": _safe(part) for name, part in value.items()})
        else:
            flat[key] = _safe(value)
    return flat


def _safe(value: Any) -> Any:
    # Amounts are ours and may begin with a minus; a name that begins like a formula is somebody else's.
    is_formula = isinstance(value, str) and value[:1] in ("=", "+", "@", "\t", "\r")
    is_dash = isinstance(value, str) and value[:1] == "-" and not value[1:2].isdigit()
    return f"'{value}" if is_formula or is_dash else value
