"""Workers import overlapping ranges of a source that moves on, while everything is killed at random: exact at the end.

`python -m benchmarks.soak_loader [--minutes 10] [--workers 3] [--seed N]` from the project's folder. Starts a private
MariaDB server and ends it; the exit code is 1 if anything is wrong.
"""

import argparse
import logging
import random
import sys

from netsuite_pipeline_tests.warehouse.soak import random_kills, soaking


def main() -> int:
    """Runs the soak once and prints what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    # The pool reports every connection that was killed.
    logging.disable()
    seconds = 60 * options.minutes
    print(f"seed {options.seed}, {options.workers} workers, {options.minutes:g} minutes", flush=True)
    with soaking(workers=options.workers, seed=options.seed) as soak:
        report = soak.run(random_kills(options.seed, seconds=seconds))
    print("\n".join(report.lines()))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
