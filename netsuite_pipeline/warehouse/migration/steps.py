"""Steps that change tables, one after the other; of one that fails it is said how far they came."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.warehouse.migration.errors import change_error
from netsuite_pipeline.warehouse.migration.session import Session

Report = Callable[[str], None]


class Steps:
    """`doing` begins the sentence about a failure, e.g. `Upgrading the tables of …`."""

    def __init__(self, session: Session, *, doing: str, total: int, report: Report) -> None:
        self._session = session
        self._doing = doing
        self._total = total
        self._report = report
        self._number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Reports a step; WarehouseError when the database refuses what is done within."""
        self._number += 1
        self._report(title)
        try:
            yield
        except DBAPIError as error:
            raise change_error(error, doing=f"{self.stopped}, because the step to {title}") from None

    @property
    def stopped(self) -> str:
        """The beginning of a sentence: what is stopped, where, and what became of the steps before."""
        if self._session.transactional or self._number == 1:
            before = "nothing was changed"
        else:
            before = "what was done before it stays; run it again to go on from there"
        return f"{self._doing} stopped at step {self._number} of {self._total} ({before})"
