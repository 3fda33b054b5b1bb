"""When Python looks for what refers to itself."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Lets the garbage collector look at what was made since, and not at every seven hundredth object.

    Modules live as long as the process. Messages, rows and answers refer to nothing that refers to them: reference
    counts free them, and looking for cycles among a page of them took a tenth of a projector's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
