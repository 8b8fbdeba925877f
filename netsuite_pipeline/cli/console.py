"""The two terminals that commands write to: results on stdout, everything else on stderr."""

from rich.console import Console

results = Console(highlight=False)
errors = Console(stderr=True, highlight=False, markup=False)
