"""A lean stand-in for NetSuite in a process of its own: it answers the product's queries, as fast as it can.

Unlike the sandbox it understands no SuiteQL: ids are read out of the query, every id up to the last one exists, and
pages that were rendered beforehand cost it next to nothing.
"""

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from benchmarks.tables import BATCH_ROWS, Table
from netsuite_pipeline.record_types.model import Kind

_RANGE = re.compile(r"BETWEEN (\d+) AND (\d+)")
_AFTER = re.compile(r"> (\d+)")
_START_SECONDS = 120.0


class PageServer:
    """Serves the rows of `shape` with ids up to `rows`; the first `rendered` pages are rendered before it answers."""

    def __init__(self, shape: str, *, rows: int, rendered: int = 0) -> None:
        self._arguments = (shape, rows, rendered)
        self._port = 0

    def url(self, version: int = 0) -> str:
        """What stands for the account's address; rows are of the given version."""
        return f"http://127.0.0.1:{self._port}/{version}"

    def __enter__(self) -> Self:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        # A daemon ends with this process, however that ends.
        self._process = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()
        try:
            if not ours.poll(_START_SECONDS):
                self._process.kill()
                raise RuntimeError(f"The page server did not start within {_START_SECONDS:.0f} s.")
            self._port = ours.recv()
        except EOFError:
            raise RuntimeError("The page server ended before it served; see its error above.") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not terminated: where SIGTERM is ignored, it would be by the server as well, which then is waited for in vain.
        self._process.kill()
        self._process.join()


def _serve(connection: Connection, shape: str, rows: int, rendered: int) -> None:
    pages = _Pages(Table.of(shape), rows, rendered)
    handler = type("Handler", (_Handler,), {"pages": pages})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        connection.send(server.server_port)
        server.serve_forever()


class _Pages:
    """The answers, gzipped."""

    def __init__(self, table: Table, rows: int, rendered: int) -> None:
        self._table = table
        self._rows = rows
        self._cells = [
            [_cell(field.name, field.kind, value) for value in pool]
            for field, pool in zip(table.record_type.fields, table.pools, strict=True)
        ]
        self._rendered: Mapping[tuple[int, int], bytes] = {
            (version, first): self._page(version, range(first, first + BATCH_ROWS))
            for version in (0, 1)
            for first in range(1, rendered * BATCH_ROWS + 1, BATCH_ROWS)
        }

    def answer(self, version: int, sql: str) -> bytes:
        """The body that the query is answered with."""
        ranges = [(int(first), int(last)) for first, last in _RANGE.findall(sql)]
        if "COUNT(" in sql:
            # The last range is the span of the others.
            counts = {f"c{place}": str(self._count(*ids)) for place, ids in enumerate(ranges[:-1])}
            return gzip.compress(_envelope(json.dumps(counts).encode()), compresslevel=1)
        first, last = ranges[0]
        if after := _AFTER.search(sql):
            first = max(first, int(after[1]) + 1)
        ids = range(first, min(first + BATCH_ROWS - 1, last, self._rows) + 1)
        known = self._rendered.get((version, first)) if len(ids) == BATCH_ROWS else None
        return known or self._page(version, ids)

    def _count(self, first: int, last: int) -> int:
        return max(0, min(last, self._rows) - first + 1)

    def _page(self, version: int, ids: Iterable[int]) -> bytes:
        rows = []
        for refid in ids:
            places = self._table.places(refid, version)
            cells = b"".join([cells[place] for cells, place in zip(self._cells, places, strict=True)])
            rows.append(b'{"links":[],"refid":"%d"%s}' % (refid, cells))
        return gzip.compress(_envelope(b",".join(rows)), compresslevel=1)


def _envelope(items: bytes) -> bytes:
    return b'{"links":[],"hasMore":false,"items":[' + items + b"]}"


def _cell(name: str, kind: Kind, value: Any) -> bytes:
    """A value as NetSuite writes it: a string; NULL is left out."""
    if value is None:
        return b""
    text = ("F", "T")[value] if kind is Kind.BOOLEAN else str(value)
    return f",{json.dumps(name)}:{json.dumps(text, ensure_ascii=False)}".encode()


class _Handler(BaseHTTPRequestHandler):
    """One query per request, on connections that stay open. The first part of the path is the version."""

    pages: _Pages
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Answers a SuiteQL query."""
        sql = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["q"]
        body = self.pages.answer(int(self.path.split("/")[1]), sql)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
