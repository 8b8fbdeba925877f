"""Compile a whole SELECT (joins, grouping, ordering, sub-selects, UNION) to SQLite.

Expressions are compiled by `expressions`. Arguments of a clause that are not listed here are refused, so a
new grammar feature of the parser cannot slip through.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from netsuite_pipeline.sandbox.catalogue import Column, Kind
from netsuite_pipeline.sandbox.clauses import (
    alias_of,
    fetched_rows,
    has_aggregate,
    is_constant,
    only,
    rownum_limit,
)
from netsuite_pipeline.sandbox.dialect import parse
from netsuite_pipeline.sandbox.errors import unsupported
from netsuite_pipeline.sandbox.expressions import Context, ExpressionCompiler, Hooks
from netsuite_pipeline.sandbox.functions import AGGREGATES, builtin, call
from netsuite_pipeline.sandbox.scope import Expression, Scope, Source, quoted

_SELECT_ARGUMENTS = frozenset(
    {"expressions", "from_", "joins", "where", "group", "having", "order", "limit", "distinct"}
)
_UNION_ARGUMENTS = frozenset({"this", "expression", "distinct", "order", "limit"})
_JOIN_ARGUMENTS = frozenset({"this", "side", "kind", "on"})
_JOINS = {
    ("", ""): "INNER JOIN", ("", "INNER"): "INNER JOIN", ("LEFT", ""): "LEFT JOIN",
    ("LEFT", "OUTER"): "LEFT JOIN", ("RIGHT", ""): "RIGHT JOIN", ("RIGHT", "OUTER"): "RIGHT JOIN",
    ("FULL", ""): "FULL JOIN", ("FULL", "OUTER"): "FULL JOIN", ("", "CROSS"): "CROSS JOIN",
}  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """SQLite text without its row limit, the columns it yields in order, and what paging needs to know."""

    sql: str
    columns: Mapping[str, Column]
    parameters: Mapping[str, object]
    limit: int | None
    ordered: bool
    one_row: bool


def compile_statement(sql: str, bound: Sequence[object], context: Context) -> Statement:
    """The compiled query with `bound` for its `?`; NetSuiteFault 400 naming the first thing that is wrong."""
    query = _Query(context, Scope())
    try:
        query.compile(parse(sql, bound))
    except RecursionError:
        raise unsupported("The query is nested too deeply.") from None
    return Statement(
        query.sql,
        query.columns,
        context.parameters,
        query.limit,
        ordered=query.ordered,
        one_row=query.one_row,
    )


class _Query:
    """One SELECT or UNION being compiled."""

    def __init__(self, context: Context, scope: Scope) -> None:
        self.context = context
        self.scope = scope
        self.sql = ""
        self.columns: dict[str, Column] = {}
        self.limit: int | None = None
        self.ordered = False
        self.one_row = False
        self._items: list[Expression] = []
        self._compiler = ExpressionCompiler(context, scope, Hooks(self._subquery, call, builtin))

    def compile(self, node: exp.Expr) -> None:
        """Fill the attributes from the tree."""
        while isinstance(node, exp.Subquery):
            only(node, frozenset({"this"}))
            node = node.this
        if isinstance(node, exp.Select):
            self._select(node)
        elif isinstance(node, exp.Union):
            self._union(node)
        else:
            raise unsupported(f"Not a supported query: {node.key.upper()}.")

    @property
    def limited_sql(self) -> str:
        """The text with its row limit, for use inside another query."""
        return self.sql if self.limit is None else f"{self.sql} LIMIT {self.limit}"

    def _subquery(self, node: exp.Expr, scope: Scope) -> tuple[str, dict[str, Column]]:
        query = _Query(self.context, Scope(parent=scope))
        query.compile(node)
        return query.limited_sql, query.columns

    def _select(self, node: exp.Select) -> None:
        only(node, _SELECT_ARGUMENTS)
        distinct, group, order = node.args.get("distinct"), node.args.get("group"), node.args.get("order")
        if distinct is not None and distinct.args.get("on"):
            raise unsupported("DISTINCT ON is not supported.")
        sources = self._from(node)
        aggregated = group is not None or any(has_aggregate(item) for item in node.expressions)
        plain = not aggregated and distinct is None and order is None
        where = self._where(node, plain=plain)
        grouping = [] if group is None else self._grouping(group)
        self._compiler.aggregates, self._compiler.rownum = True, plain
        self._project(node.expressions)
        self._compiler.rownum = False
        if aggregated:
            self._check_grouped((*node.expressions, node.args.get("having"), order), grouping)
        parts = [f"SELECT {'DISTINCT ' if distinct else ''}{self._projection()}", sources, where]
        if grouping:
            parts.append("GROUP BY " + ", ".join(grouping))
        if node.args.get("having") is not None:
            if not aggregated:
                raise unsupported("HAVING needs GROUP BY or an aggregate.")
            parts.append("HAVING " + self._compiler.condition(node.args["having"].this))
        if order is not None:
            parts.append("ORDER BY " + ", ".join(self._order_key(ordered) for ordered in order.expressions))
            self.ordered = True
        self._row_limit(node)
        self.one_row = aggregated and group is None
        self.sql = " ".join(part for part in parts if part)

    def _from(self, node: exp.Select) -> str:
        if node.args.get("from_") is None:
            raise unsupported("A query needs FROM; use FROM DUAL.")
        text = "FROM " + self._source(node.args["from_"].this)
        for join in node.args.get("joins") or ():
            only(join, _JOIN_ARGUMENTS)
            kind = _JOINS.get((join.side.upper(), join.kind.upper()))
            condition = join.args.get("on")
            if kind is None:
                raise unsupported("Joins are INNER, LEFT, RIGHT, FULL or CROSS.")
            text += f" {kind} {self._source(join.this)}"
            if condition is not None:
                text += f" ON {self._compiler.condition(condition)}"
            elif kind not in {"INNER JOIN", "CROSS JOIN"}:
                raise unsupported("An outer join needs ON.")
        return text

    def _source(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Subquery):
            only(node, frozenset({"this", "alias"}))
            alias = alias_of(node) or f"subselect{len(self.scope.sources) + 1}"
            sql, columns = self._subquery_in_from(node.this)
            source = Source(alias, alias, columns, derived=True)
            text = f"({sql}) {quoted(alias)}"
        elif isinstance(node, exp.Table):
            only(node, frozenset({"this", "alias"}))
            table = node.name.lower()
            source = Source(alias_of(node) or table, table, self.context.availability.columns(table))
            text = f'"{table}" {quoted(source.alias)}'
        else:
            raise unsupported("FROM takes tables and sub-selects.")
        alias_node = node.args.get("alias")
        if alias_node is not None:
            only(alias_node, frozenset({"this"}))
        if any(source.alias == other.alias for other in self.scope.sources):
            raise unsupported(f"The alias '{source.alias}' is used twice.")
        self.scope.sources.append(source)
        return text

    def _subquery_in_from(self, node: exp.Expr) -> tuple[str, dict[str, Column]]:
        # A sub-select of FROM does not see its neighbours, only what is around the whole query.
        query = _Query(self.context, Scope(parent=self.scope.parent))
        query.compile(node)
        return query.limited_sql, query.columns

    def _where(self, node: exp.Select, *, plain: bool) -> str:
        where = node.args.get("where")
        if where is None:
            return ""
        conditions = []
        for condition in where.this.flatten() if isinstance(where.this, exp.And) else (where.this,):
            rows = rownum_limit(condition)
            if rows is None:
                conditions.append(self._compiler.condition(condition))
            elif plain:
                self.limit = rows if self.limit is None else min(rows, self.limit)
            else:
                raise unsupported("ROWNUM is applied before ORDER BY and GROUP BY: nest the query.")
        return f"WHERE {' AND '.join(conditions)}" if conditions else ""

    def _grouping(self, group: exp.Group) -> list[str]:
        only(group, frozenset({"expressions"}))
        for expression in group.expressions:
            if is_constant(self._compiler.value(expression)):
                raise unsupported("GROUP BY takes expressions of columns, not positions.")
        return [self._compiler.value(expression).comparable for expression in group.expressions]

    def _check_grouped(self, nodes: Iterable[exp.Expr | None], keys: list[str]) -> None:
        """Oracle's rule: what is selected is grouped by or aggregated. SQLite would pick any row in
        silence.
        """
        for node in nodes:
            if node is not None and not self._is_grouped(node, keys):
                raise unsupported("Not a GROUP BY expression.")

    def _is_grouped(self, node: exp.Expr, keys: list[str]) -> bool:
        called = node.this if isinstance(node, exp.WithinGroup) else node
        if isinstance(called, exp.Anonymous) and str(called.this).upper() in AGGREGATES:
            return True
        if isinstance(node, exp.Ordered) and isinstance(node.this, exp.Column) and self._names_item(node.this):
            return True
        if isinstance(node, exp.Star | exp.Query):
            return False
        if self._compiler.serves_value(node) and self._compiler.value(node).comparable in keys:
            return True
        if isinstance(node, exp.Column):
            return not node.table and node.name.lower() == "sessiontimezone"
        return all(self._is_grouped(child, keys) for child in node.iter_expressions())

    def _names_item(self, node: exp.Column) -> bool:
        return not node.table and node.name.lower() in self.columns

    def _project(self, nodes: Iterable[exp.Expr]) -> None:
        unnamed = 0
        for node in nodes:
            if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
                self._star(node)
                continue
            item = self._compiler.value(node.this if isinstance(node, exp.Alias) else node)
            if isinstance(node, exp.Alias):
                name = alias_of(node)
            elif isinstance(node, exp.Column) and item.name is not None:
                name = item.name
            else:
                unnamed += 1
                name = f"expr{unnamed}"
            self._add(name, item)

    def _star(self, node: exp.Expr) -> None:
        if any(node.args.get(argument) for argument in ("except_", "replace", "rename")):
            raise unsupported("SELECT * takes no options.")
        wanted = node.table.lower() if isinstance(node, exp.Column) else None
        sources = [source for source in self.scope.sources if wanted in {None, source.alias}]
        if not sources:
            self.scope.resolve("*", wanted)
        for source in sources:
            for name in source.columns:
                self._add(name, self.scope.resolve(name, source.alias))

    def _add(self, name: str, item: Expression) -> None:
        unique, number = name, 0
        while unique in self.columns:
            unique, number = f"{name}_{number}", number + 1
        self.columns[unique] = Column(item.kind or Kind.TEXT, item.target)
        self._items.append(item)

    def _projection(self) -> str:
        return ", ".join(f"{item.sql} AS {quoted(name)}" for name, item in zip(self.columns, self._items, strict=True))

    def _order_key(self, ordered: exp.Ordered) -> str:
        item = self._ordered_item(ordered.this)
        descending = bool(ordered.args.get("desc"))
        if is_constant(item):
            # SQLite would take a whole number for a position.
            return "NULL"
        if item.not_null:
            return f"{item.sql} DESC" if descending else item.sql
        nulls_first = ordered.args.get("nulls_first")
        first = descending if nulls_first is None else bool(nulls_first)
        return f"{item.comparable} {'DESC' if descending else 'ASC'} NULLS {'FIRST' if first else 'LAST'}"

    def _ordered_item(self, node: exp.Expr) -> Expression:
        if isinstance(node, exp.Literal) and not node.is_string:
            if not node.this.isdigit() or not 1 <= int(node.this) <= len(self._items):
                raise unsupported("ORDER BY position is not in the select list.")
            return self._items[int(node.this) - 1]
        if isinstance(node, exp.Column) and self._names_item(node):
            # An alias wins over a column of the same name, in Oracle too.
            return self._items[list(self.columns).index(node.name.lower())]
        return self._compiler.value(node)

    def _row_limit(self, node: exp.Expr) -> None:
        rows = fetched_rows(node)
        if rows is not None:
            self.limit = rows if self.limit is None else min(rows, self.limit)

    def _union(self, node: exp.Union) -> None:
        only(node, _UNION_ARGUMENTS)
        sides = []
        for side in (node.this, node.expression):
            query = _Query(self.context, Scope(parent=self.scope.parent))
            query.compile(side)
            sides.append(query)
        left, right = sides
        if len(left.columns) != len(right.columns):
            raise unsupported("Both sides of UNION need the same number of columns.")
        columns = {}
        for (name, mine), other in zip(left.columns.items(), right.columns.values(), strict=True):
            pair = [Expression("", mine.kind), Expression("", other.kind)]
            columns[name] = Column(self._compiler.alike(pair)[1] or Kind.TEXT)
        operator = "UNION" if node.args.get("distinct") else "UNION ALL"
        both = [f"SELECT * FROM ({side.limited_sql})" for side in sides]
        self.sql = f"SELECT * FROM ({both[0]} {operator} {both[1]})"
        self.columns = columns
        self._items = [
            Expression(quoted(name), column.kind, raw_decimal=column.kind is Kind.DECIMAL)
            for name, column in columns.items()
        ]
        order = node.args.get("order")
        if order is not None:
            self.sql += " ORDER BY " + ", ".join(self._order_key(ordered) for ordered in order.expressions)
            self.ordered = True
        self._row_limit(node)
