"""Exit code 0 where an address answers 2xx, else 1 with what it said: what containers ask of their process.

    python -m infra.ready http://127.0.0.1:8000/ready

Needs nothing but the standard library: it runs every few seconds.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 3.0


def main(address: str) -> int:
    """Asks once."""
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS):  # noqa: S310 - the address is the caller's own
            return 0
    except urllib.error.HTTPError as error:
        said = error.read(1_000).decode(errors="replace")
    except OSError as error:
        said = str(error)
    sys.stderr.write(f"{address}: {said}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
