"""The dirt real accounts contain: texts people paste, blanks, and values that no warehouse column can take."""

import random as randomness

from netsuite_pipeline.sandbox.generation.words import DIRTY_TEXTS, PLAIN_TEXTS

OVERLONG_PHONE = "+44 20 7946 0958 (reception, mornings only), then ask for extension 4471 or 4472"
OVERLONG_CODE = "5012345678900 / 5012345678917 / 5012345678924 (three boxes, see the old list of 2011)"
YEAR_19_DATE = "0019-05-07 00:00:00"
HUGE_NUMBER = "9" * 45
# One row in 10,000 cannot be loaded, and two in any table of 500.
_UNLOADABLE_PER = 10_000
_UNLOADABLE_FROM = 500


def unloadable_positions(rows: int) -> dict[int, int]:
    """Position of each row no warehouse column can hold -> its running number, evenly over `rows` rows."""
    count = max(2, rows // _UNLOADABLE_PER) if rows >= _UNLOADABLE_FROM else 0
    return {(2 * number + 1) * rows // (2 * count): number for number in range(count)}


def spoil(record: dict[str, object], number: int | None, *choices: tuple[str, object]) -> None:
    """Give the row one of the values of `choices` in turn by its running number; None leaves it as it is."""
    if number is not None:
        column, value = choices[number % len(choices)]
        record[column] = value


def remark(random: randomness.Random, share: float, dirty: float = 0.4) -> str | None:
    """A free text in `share` of the rows, `dirty` of them hostile."""
    if random.random() >= share:
        return None
    return random.choice(DIRTY_TEXTS if random.random() < dirty else PLAIN_TEXTS)


def blanks(random: randomness.Random, text: str, share: float = 0.01) -> str:
    """The text, in `share` of the rows with blanks around it."""
    return f" {text} " if random.random() < share else text
