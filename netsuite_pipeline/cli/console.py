"""The two terminals that commands write to: results on stdout, everything else on stderr."""

import os
import sys

from rich.console import Console

# What a pipe or a file takes is read by programs and `grep`, which a folded cell would defeat.
_WIDTH_WITHOUT_TERMINAL = 200


def _width(*, terminal: bool) -> int | None:
    """None: rich asks the terminal, or COLUMNS."""
    return None if terminal or "COLUMNS" in os.environ else _WIDTH_WITHOUT_TERMINAL


results = Console(highlight=False, width=_width(terminal=sys.stdout.isatty()))
errors = Console(stderr=True, highlight=False, markup=False, width=_width(terminal=sys.stderr.isatty()))
