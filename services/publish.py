"""Writes contracts/: what the product promises to other programs. Run by `make contracts`, reviewed as a diff."""

from __future__ import annotations

import sys

from contracts.generate import event_documents, write
from contracts.released import BreakingChange


def documents() -> dict[str, str]:
    """Path within contracts/ -> text, of everything that is generated. Raises BreakingChange."""
    return event_documents()


def main() -> int:
    """Writes what differs and says so. Exit code 1 where a released contract would break; nothing is written then."""
    try:
        changed = write(documents())
    except BreakingChange as refused:
        sys.stderr.write(f"Nothing was written.\n{refused}\n")
        return 1
    sys.stdout.write("".join(f"contracts/{path}\n" for path in changed) or "contracts/ is up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
