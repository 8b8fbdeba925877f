"""Compile SuiteQL expressions and conditions to SQLite, refusing what is not on the list.

A query whose meaning would change in silence is worse than a 400: every node type is named here and every
function in `functions`; types are checked where SQLite would compare text with numbers or dates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from netsuite_pipeline.sandbox.availability import Availability
from netsuite_pipeline.sandbox.catalogue import Column, Kind
from netsuite_pipeline.sandbox.dates import DateFormat, PatternError, parse
from netsuite_pipeline.sandbox.errors import unparsable_date, unsupported
from netsuite_pipeline.sandbox.scope import Expression, Scope

NUMERIC = frozenset({Kind.INTEGER, Kind.DECIMAL})
TEMPORAL = frozenset({Kind.DATE, Kind.DATETIME})
TEXTUAL = frozenset({Kind.TEXT, Kind.FLAG})
MAX_IN_VALUES = 1000
NULL = Expression("NULL", None)
_COMPARISONS: dict[type, str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=",
}  # fmt: skip
_ARITHMETIC: dict[type, str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}


@dataclass
class Context:
    """What one compilation needs to know, and the parameters it binds."""

    availability: Availability
    date_format: DateFormat
    zone: str
    parameters: dict[str, object] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def text(self, value: str) -> Expression:
        """A string constant; the empty string is NULL, as in Oracle. Equal texts share one parameter."""
        if not value:
            return NULL
        name = self._names.setdefault(value, f"p{len(self._names)}")
        self.parameters[name] = value
        return Expression(f":{name}", Kind.TEXT, constant=value)


def number(text: str) -> Expression:
    """A numeric constant; 400 if it is none."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise unsupported(f"Invalid number: '{text}'.") from None
    if not value.is_finite():
        raise unsupported(f"Invalid number: '{text}'.")
    whole = value == value.to_integral_value()
    return Expression(format(value, "f") if not whole else str(int(value)), Kind.INTEGER if whole else Kind.DECIMAL)


def as_text(value: Expression) -> str:
    """SQL of the value's text; a date would need a pattern."""
    if value.kind in TEMPORAL:
        raise unsupported("A date must pass TO_CHAR before it is text.")
    if value.kind is Kind.INTEGER:
        return f"CAST({value.sql} AS TEXT)"
    return f"number_text({value.sql})" if value.kind is Kind.DECIMAL else value.sql


class ExpressionCompiler:
    """Compiles the expressions of one SELECT.

    `aggregates` says whether aggregate functions may appear, `rownum` whether ROWNUM may.
    """

    def __init__(self, context: Context, scope: Scope, hooks: "Hooks") -> None:
        self.context = context
        self.scope = scope
        self.aggregates = False
        self.rownum = False
        self._subquery = hooks.subquery
        self._values: dict[type[exp.Expr], Callable[..., Expression]] = {
            exp.Literal: self._literal, exp.Column: self._column, exp.Null: lambda _: NULL,
            exp.Paren: lambda node: self.value(node.this), exp.Neg: self._negative,
            exp.DPipe: self._concatenation, exp.Case: self._case, exp.Subquery: self._scalar,
            exp.Div: self._division, exp.Anonymous: lambda node: hooks.call(self, node),
            exp.WithinGroup: lambda node: hooks.call(self, node),
            exp.Dot: lambda node: hooks.builtin(self, node), **dict.fromkeys(_ARITHMETIC, self._arithmetic),
        }  # fmt: skip
        self._conditions: dict[type[exp.Expr], Callable[..., str]] = {
            exp.And: lambda node: f"({self.condition(node.this)} AND {self.condition(node.expression)})",
            exp.Or: lambda node: f"({self.condition(node.this)} OR {self.condition(node.expression)})",
            exp.Not: lambda node: f"(NOT {self.condition(node.this)})",
            exp.Paren: lambda node: self.condition(node.this), exp.Between: self._between, exp.In: self._in,
            exp.Like: self._like, exp.Escape: self._escaped_like, exp.Is: self._is_null,
            exp.Exists: self._exists, **dict.fromkeys(_COMPARISONS, self._comparison),
        }  # fmt: skip

    def serves_value(self, node: exp.Expr) -> bool:
        """Whether this kind of node is a value at all."""
        return type(node) in self._values

    def value(self, node: exp.Expr) -> Expression:
        """The SQLite form of a value; NetSuiteFault 400 if it is not served."""
        handler = self._values.get(type(node))
        if handler is None:
            raise unsupported(f"Not a supported expression: {node.key.upper()}.")
        return handler(node)

    def condition(self, node: exp.Expr) -> str:
        """The SQLite form of a condition; NetSuiteFault 400 if it is not served."""
        handler = self._conditions.get(type(node))
        if handler is None:
            raise unsupported(f"Not a supported condition: {node.key.upper()}.")
        return handler(node)

    def numeric(self, node: exp.Expr) -> str:
        """SQL of a value that must be a number; a string constant is converted, as Oracle does."""
        return self._numeric(self.value(node))

    def _numeric(self, value: Expression) -> str:
        if value.constant is not None:
            return number(value.constant).sql
        if value.kind is not None and value.kind not in NUMERIC:
            raise unsupported("A number is expected.")
        return value.comparable

    def _literal(self, node: exp.Literal) -> Expression:
        return self.context.text(node.this) if node.is_string else number(node.this)

    def _column(self, node: exp.Column) -> Expression:
        if not isinstance(node.this, exp.Identifier) or node.args.get("db") or node.args.get("join_mark"):
            raise unsupported("Columns are written as name or alias.name.")
        name = node.name.lower()
        if not node.table and name == "sessiontimezone":
            return self.context.text(self.context.zone)
        if not node.table and name == "rownum":
            if not self.rownum:
                raise unsupported("ROWNUM is applied before ORDER BY and GROUP BY: nest the query.")
            return Expression("ROW_NUMBER() OVER ()", Kind.INTEGER)
        return self.scope.resolve(name, node.table.lower() or None)

    def _negative(self, node: exp.Neg) -> Expression:
        value = self.value(node.this)
        return Expression(f"(- {self._numeric(value)})", value.kind)

    def _arithmetic(self, node: exp.Binary) -> Expression:
        left, right = self.value(node.this), self.value(node.expression)
        whole = left.kind is Kind.INTEGER and right.kind is Kind.INTEGER
        sql = f"({self._numeric(left)} {_ARITHMETIC[type(node)]} {self._numeric(right)})"
        return Expression(sql, Kind.INTEGER if whole else Kind.DECIMAL)

    def _division(self, node: exp.Div) -> Expression:
        # Oracle's / never truncates; FLOOR of it is exact for ids below 2**52.
        sql = f"(CAST({self.numeric(node.this)} AS REAL) / {self.numeric(node.expression)})"
        return Expression(sql, Kind.DECIMAL)

    def _concatenation(self, node: exp.DPipe) -> Expression:
        parts = [f"COALESCE({as_text(self.value(part))}, '')" for part in (node.this, node.expression)]
        return Expression(f"NULLIF({parts[0]} || {parts[1]}, '')", Kind.TEXT)

    def _case(self, node: exp.Case) -> Expression:
        conditions = []
        for branch in node.args["ifs"]:
            if node.this is None:
                conditions.append(self.condition(branch.this))
            else:
                conditions.append(self._compare("=", self.value(node.this), self.value(branch.this)))
        results = [self.value(branch.args["true"]) for branch in node.args["ifs"]]
        otherwise = node.args.get("default")
        results.append(NULL if otherwise is None else self.value(otherwise))
        values, kind = self.alike(results)
        whens = " ".join(f"WHEN {when} THEN {then}" for when, then in zip(conditions, values, strict=False))
        return Expression(f"CASE {whens} ELSE {values[-1]} END", kind)

    def alike(self, values: Sequence[Expression]) -> tuple[list[str], Kind | None]:
        """SQL of values that end in one column, and their common kind; 400 if they mix text, numbers and
        dates.
        """
        kinds = {value.kind for value in values if value.kind is not None}
        for group in (NUMERIC, TEXTUAL, TEMPORAL):
            if kinds <= group:
                kind = next(iter(kinds)) if len(kinds) == 1 else max(kinds, default=None, key=_WIDTH.index)
                return [value.comparable for value in values], kind
        raise unsupported("Inconsistent datatypes.")

    def _scalar(self, node: exp.Subquery) -> Expression:
        sql, columns = self._subquery(node, self.scope)
        if len(columns) != 1:
            raise unsupported("A sub-select used as a value has exactly one column.")
        column = next(iter(columns.values()))
        return Expression(f"({sql})", column.kind, raw_decimal=column.kind is Kind.DECIMAL)

    def _comparison(self, node: exp.Binary) -> str:
        return self._compare(_COMPARISONS[type(node)], self.value(node.this), self.value(node.expression))

    def _compare(self, operator: str, left: Expression, right: Expression) -> str:
        left, right = self._matched(left, right), self._matched(right, left)
        return f"({left.comparable} {operator} {right.comparable})"

    def _matched(self, value: Expression, other: Expression) -> Expression:
        """`value` converted to the kind of `other` where Oracle would convert a constant; 400 otherwise."""
        if value.kind is None or other.kind is None:
            return value
        if value.kind in TEXTUAL and other.kind in NUMERIC and value.constant is not None:
            return number(value.constant)
        if value.kind in TEXTUAL and other.kind in TEMPORAL and value.constant is not None:
            return self._user_date(value.constant)
        if value.kind in NUMERIC | TEMPORAL and other.kind in TEXTUAL and other.constant is not None:
            # It is the other side that is converted.
            return value
        if not any(value.kind in group and other.kind in group for group in (NUMERIC, TEXTUAL, TEMPORAL)):
            raise unsupported("Inconsistent datatypes.")
        return value

    def _user_date(self, text: str) -> Expression:
        date_format = self.context.date_format
        try:
            stored = parse(text, date_format.pattern)
        except PatternError:
            raise unparsable_date(text, date_format.java, self.context.zone) from None
        return Expression(self.context.text(stored).sql, Kind.DATETIME)

    def _between(self, node: exp.Between) -> str:
        if node.args.get("symmetric"):
            raise unsupported("BETWEEN SYMMETRIC is not supported.")
        value, low, high = (self.value(node.args[part]) for part in ("this", "low", "high"))
        return f"({self._compare('>=', value, low)} AND {self._compare('<=', value, high)})"

    def _in(self, node: exp.In) -> str:
        value = self.value(node.this)
        query = node.args.get("query")
        if query is not None:
            sql, columns = self._subquery(query, self.scope)
            if len(columns) != 1:
                raise unsupported("A sub-select of IN has exactly one column.")
            self._matched(value, Expression("", next(iter(columns.values())).kind))
            return f"({value.comparable} IN ({sql}))"
        if not node.expressions or len(node.expressions) > MAX_IN_VALUES:
            raise unsupported(f"IN takes 1 to {MAX_IN_VALUES} values.")
        members = [self._matched(self.value(member), value).comparable for member in node.expressions]
        return f"({value.comparable} IN ({', '.join(members)}))"

    def _like(self, node: exp.Like, escape: str = "") -> str:
        operator = "NOT LIKE" if node.args.get("negate") else "LIKE"
        text, pattern = self.value(node.this), self.value(node.expression)
        return f"({as_text(text)} {operator} {as_text(pattern)}{escape})"

    def _escaped_like(self, node: exp.Escape) -> str:
        mark = node.expression.this if isinstance(node.expression, exp.Literal) else ""
        if not isinstance(node.this, exp.Like) or not isinstance(mark, str) or len(mark) != 1:
            raise unsupported("ESCAPE takes one character after LIKE.")
        return self._like(node.this, f" ESCAPE {self.context.text(mark).sql}")

    def _is_null(self, node: exp.Is) -> str:
        if not isinstance(node.expression, exp.Null):
            raise unsupported("IS is followed by NULL or NOT NULL.")
        return f"({self.value(node.this).sql} IS NULL)"

    def _exists(self, node: exp.Exists) -> str:
        return f"EXISTS ({self._subquery(node.this, self.scope)[0]})"


_WIDTH = (Kind.INTEGER, Kind.DECIMAL, Kind.FLAG, Kind.TEXT, Kind.DATE, Kind.DATETIME)


@dataclass(frozen=True)
class Hooks:
    """What expressions need from modules above this one.

    `subquery` compiles a nested SELECT in a given scope to its SQL and columns,
    `call` compiles a function call, `builtin` a BUILTIN function.
    """

    subquery: Callable[[exp.Expr, Scope], tuple[str, dict[str, Column]]]
    call: Callable[[ExpressionCompiler, exp.Anonymous | exp.WithinGroup], Expression]
    builtin: Callable[[ExpressionCompiler, exp.Dot], Expression]
