"""A company at work in the sandbox: edits, creates and deletes records, and lines in ways that leave few traces.

What an import makes of it is the tests' business.
"""

import random

from netsuite_pipeline.record_types.declared.transactions import TYPE_CODES
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline_tests.orchestration.nights import Clock

_EDITED = (
    ("customer", "companyname"),
    ("vendor", "companyname"),
    ("job", "companyname"),
    ("item", "displayname"),
    ("transaction", "memo"),
    ("location", "name"),
)
_KINDS = ", ".join(f"'{code}'" for code in TYPE_CODES.values())


class Company:
    """People at work in NetSuite."""

    def __init__(self, dataset: Dataset, clock: Clock, seed: int) -> None:
        self._dataset = dataset
        self._clock = clock
        self._random = random.Random(seed)
        self._created = 0
        self._acts = (self.edit, self.create, self.delete, self.edit_line_alone, self.drop_line, self.edit_header)

    def work(self, hours: int) -> None:
        """Something of everything, spread over the hours."""
        for _ in range(hours):
            for act in self._acts:
                if self._random.random() < 0.5:
                    act()
            self._clock.forward(minutes=self._random.randint(110, 150))

    def act(self) -> None:
        """One thing of these."""
        self._random.choice(self._acts)()

    def edit(self) -> None:
        table, column = self._random.choice(_EDITED)
        for id_ in self._some(table, self._random.randint(1, 5)):
            self._dataset.put(table, [{"id": id_, column: f"edited {self._clock.now:%d %H:%M:%S} {id_}"}])

    def create(self) -> None:
        self._created += 1
        id_ = self._max("customer") + self._random.choice((1, 2, 7))
        self._dataset.put(
            "customer", [{"id": id_, "entityid": f"new {id_}", "companyname": f"New {id_}", "isperson": "F"}]
        )

    def delete(self) -> None:
        table = self._random.choice(("customer", "item", "transaction"))
        for id_ in self._some(table, 1):
            self._dataset.delete(table, id_)

    def edit_header(self) -> None:
        """The header and a line of it, which gets no date of its own."""
        for transaction, line in self._lines(1):
            self._dataset.put("transaction", [{"id": transaction, "memo": f"with line {self._clock.now:%d %H:%M:%S}"}])
            old = self._line_date(transaction, line)
            self._dataset.put(
                "transactionline",
                [{"transaction": transaction, "id": line, "memo": "of header", "linelastmodifieddate": old}],
            )

    def edit_line_alone(self) -> None:
        """An amount of a line, without a date that moves anywhere, or with the line's own alone."""
        for transaction, line in self._lines(2):
            row = {"transaction": transaction, "id": line, "quantity": f"{self._random.randint(-900, -1)}.5"}
            if self._random.random() < 0.5:
                row["linelastmodifieddate"] = self._line_date(transaction, line)
            self._dataset.put("transactionline", [row])

    def drop_line(self) -> None:
        """A line that leaves no trace."""
        for transaction, line in self._lines(1):
            connection = self._dataset.connection()
            connection.execute('DELETE FROM transactionline WHERE "transaction" = ? AND id = ?', (transaction, line))
            self._dataset.version += 1

    def _some(self, table: str, count: int) -> list[int]:
        where = f"WHERE type IN ({_KINDS})" if table == "transaction" else ""
        ids = [id_ for (id_,) in self._dataset.connection().execute(f'SELECT id FROM "{table}" {where} ORDER BY id')]
        return self._random.sample(ids, min(count, len(ids)))

    def _lines(self, count: int) -> list[tuple[int, int]]:
        found = self._dataset.connection().execute(
            f'SELECT "transaction", l.id FROM transactionline l JOIN "transaction" t ON t.id = l."transaction"'
            f" WHERE t.type IN ({_KINDS}) AND l.mainline = 'F' ORDER BY 1, 2"
        )
        lines = found.fetchall()
        return self._random.sample(lines, min(count, len(lines)))

    def _line_date(self, transaction: int, line: int) -> str | None:
        found = self._dataset.connection().execute(
            'SELECT linelastmodifieddate FROM transactionline WHERE "transaction" = ? AND id = ?', (transaction, line)
        )
        date: str | None = found.fetchone()[0]
        return date

    def _max(self, table: str) -> int:
        return int(self._dataset.connection().execute(f'SELECT MAX(id) FROM "{table}"').fetchone()[0])
