"""The functions SuiteQL queries may call, by their Oracle name; everything else is refused.

`LEFT`, `SUBSTRING` and `DATEDIFF` are missing on purpose: Oracle lists them as unsupported (help
section_156257790831). So is LISTAGG, which accounts run all the same, as public queries show.
"""

from collections.abc import Callable

from sqlglot import exp

from netsuite_pipeline.sandbox.catalogue import TABLES, Kind
from netsuite_pipeline.sandbox.dates import PatternError, parse, to_char
from netsuite_pipeline.sandbox.errors import unparsable_date, unsupported
from netsuite_pipeline.sandbox.expressions import NULL, NUMERIC, TEMPORAL, ExpressionCompiler, as_text
from netsuite_pipeline.sandbox.scope import Expression, quoted

AGGREGATES = frozenset({"COUNT", "MIN", "MAX", "SUM", "AVG", "LISTAGG"})
Arguments = list[exp.Expr]


def call(compiler: ExpressionCompiler, node: exp.Anonymous | exp.WithinGroup) -> Expression:
    """One function call; NetSuiteFault 400 for an unknown function or a wrong number of arguments."""
    order = None
    if isinstance(node, exp.WithinGroup):
        node, order = node.this, node.expression
    name, arguments = str(node.this).upper(), node.expressions
    if name in AGGREGATES:
        return _aggregate(compiler, name, arguments, order)
    if order is not None:
        raise unsupported(f"{name} takes no WITHIN GROUP.")
    if name not in _FUNCTIONS:
        raise unsupported(f"Function {name} is not supported.")
    handler, least, most = _FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        raise unsupported(f"Function {name} takes {least} to {most} arguments, not {len(arguments)}.")
    return handler(compiler, arguments)


def builtin(compiler: ExpressionCompiler, node: exp.Dot) -> Expression:
    """BUILTIN.DF(column): the display text of a reference or status."""
    function = node.expression
    if node.this.name.upper() != "BUILTIN" or not isinstance(function, exp.Anonymous):
        raise unsupported("Only functions of BUILTIN are called with a dot.")
    if str(function.this).upper() != "DF" or len(function.expressions) != 1:
        raise unsupported("BUILTIN.DF takes one column; other BUILTIN functions are not served.")
    value = compiler.value(function.expressions[0])
    source = value.source
    if source is not None and source.table == "transaction" and value.name == "status" and not source.derived:
        shown = "SELECT s.fullname FROM transactionstatus s"
        return Expression(
            f'({shown} WHERE s.id = {value.sql} AND s.trantype = {quoted(source.alias)}."type")', Kind.TEXT
        )
    target = "itemtype" if value.name == "itemtype" else value.target
    if target is not None:
        title, key = TABLES[target].title, TABLES[target].key[0]
        return Expression(f'(SELECT d."{title}" FROM "{target}" d WHERE d."{key}" = {value.sql})', Kind.TEXT)
    if value.kind is Kind.TEXT:
        return value
    raise unsupported("The sandbox has no display text for this column.")


def _aggregate(compiler: ExpressionCompiler, name: str, arguments: Arguments, order: exp.Order | None) -> Expression:
    listed = name == "LISTAGG"
    if not compiler.aggregates or len(arguments) != 1 + listed or (order is not None) != listed:
        raise unsupported(f"{name} is not allowed here, or not with {len(arguments)} arguments.")
    compiler.aggregates = False
    try:
        return _aggregated(compiler, name, arguments[0]) if order is None else _list(compiler, arguments, order)
    finally:
        compiler.aggregates = True


def _list(compiler: ExpressionCompiler, arguments: Arguments, order: exp.Order) -> Expression:
    separator = compiler.value(arguments[1])
    if separator.constant is None or len(order.expressions) != 1 or order.expressions[0].args.get("desc"):
        raise unsupported("LISTAGG takes a constant separator and one ascending order.")
    key = compiler.value(order.expressions[0].this)
    return Expression(f"listagg({as_text(compiler.value(arguments[0]))}, {separator.sql}, {key.comparable})", Kind.TEXT)


def _aggregated(compiler: ExpressionCompiler, name: str, argument: exp.Expr) -> Expression:
    if isinstance(argument, exp.Star):
        if name != "COUNT":
            raise unsupported(f"{name}(*) is not supported.")
        return Expression("COUNT(*)", Kind.INTEGER)
    distinct = ""
    if isinstance(argument, exp.Distinct):
        if len(argument.expressions) != 1 or argument.args.get("on"):
            raise unsupported("DISTINCT takes one expression inside an aggregate.")
        distinct, argument = "DISTINCT ", argument.expressions[0]
    if name in {"SUM", "AVG"}:
        value = compiler.value(argument)
        kind = Kind.INTEGER if name == "SUM" and value.kind is Kind.INTEGER else Kind.DECIMAL
        return Expression(f"{name}({distinct}{compiler.numeric(argument)})", kind)
    value = compiler.value(argument)
    if name == "COUNT":
        return Expression(f"COUNT({distinct}{value.comparable})", Kind.INTEGER)
    return Expression(f"{name}({distinct}{value.comparable})", value.kind)


def _to_char(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    value = compiler.value(arguments[0])
    if len(arguments) == 1:
        return Expression(as_text(value), Kind.TEXT)
    pattern = compiler.value(arguments[1]).constant
    if value.kind not in TEMPORAL or pattern is None:
        raise unsupported("TO_CHAR with a pattern takes a date and a constant pattern.")
    try:
        return Expression(to_char(value.sql, pattern), Kind.TEXT)
    except PatternError:
        raise unsupported(f"TO_CHAR pattern '{pattern}' is not served.") from None


def _to_date(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    text = compiler.value(arguments[0])
    pattern = compiler.context.date_format.pattern
    if len(arguments) == 2:
        pattern = compiler.value(arguments[1]).constant or ""
    if text.kind is None:
        return NULL
    if text.constant is None or not pattern:
        raise unsupported("TO_DATE and TO_TIMESTAMP take a constant text and a constant pattern.")
    try:
        stored = parse(text.constant, pattern)
    except PatternError:
        raise unparsable_date(text.constant, pattern, compiler.context.zone) from None
    return Expression(compiler.context.text(stored).sql, Kind.DATETIME)


def _coalesce(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    values, kind = compiler.alike([compiler.value(argument) for argument in arguments])
    return Expression(f"COALESCE({', '.join(values)})", kind)


def _extreme(function: str) -> "_Handler":
    def compile_extreme(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
        # SQLite's scalar MAX and MIN are NULL if any argument is, like Oracle's GREATEST and LEAST.
        values, kind = compiler.alike([compiler.value(argument) for argument in arguments])
        return Expression(f"{function}({', '.join(values)})", kind)

    return compile_extreme


def _null_if(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    values, kind = compiler.alike([compiler.value(argument) for argument in arguments])
    return Expression(f"NULLIF({values[0]}, {values[1]})", kind)


def _floor(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    return Expression(f"CAST(floor({compiler.numeric(arguments[0])}) AS INTEGER)", Kind.INTEGER)


def _ceil(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    return Expression(f"CAST(ceil({compiler.numeric(arguments[0])}) AS INTEGER)", Kind.INTEGER)


def _absolute(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    value = compiler.value(arguments[0])
    return Expression(f"abs({compiler.numeric(arguments[0])})", value.kind)


def _modulo(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    left, right = (compiler.numeric(argument) for argument in arguments)
    # The sign follows the dividend in both; Oracle returns the dividend for a divisor of zero.
    return Expression(f"COALESCE(mod({left}, NULLIF({right}, 0)), {left})", Kind.DECIMAL)


def _round(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    digits = compiler.numeric(arguments[1]) if len(arguments) == 2 else "0"
    return Expression(f"oracle_round({compiler.numeric(arguments[0])}, {digits})", Kind.DECIMAL)


def _truncate(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    value = compiler.value(arguments[0])
    if value.kind in TEMPORAL:
        return Expression(f"substr({value.sql}, 1, 10) || ' 00:00:00'", Kind.DATE)
    if value.kind is not None and value.kind not in NUMERIC:
        raise unsupported("TRUNC takes a number or a date.")
    return Expression(f"CAST({value.comparable} AS INTEGER)", Kind.INTEGER)


def _substring(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
    numbers = [compiler.value(argument) for argument in arguments[1:]]
    if any(not value.sql.lstrip("(- ").rstrip(")").isdigit() for value in numbers):
        raise unsupported("SUBSTR takes constant positions.")
    # Position 0 is 1 in Oracle; SQLite counts one character less.
    positions = ["1" if value.sql == "0" else value.sql for value in numbers[:1]]
    positions += [f"max({value.sql}, 0)" for value in numbers[1:]]
    return Expression(f"NULLIF(substr({as_text(compiler.value(arguments[0]))}, {', '.join(positions)}), '')", Kind.TEXT)


def _text_function(template: str, kind: Kind = Kind.TEXT) -> "_Handler":
    def compile_text(compiler: ExpressionCompiler, arguments: Arguments) -> Expression:
        sql = template.format(*(as_text(compiler.value(argument)) for argument in arguments))
        return Expression(f"NULLIF({sql}, '')" if kind is Kind.TEXT else sql, kind)

    return compile_text


_Handler = Callable[[ExpressionCompiler, Arguments], Expression]
# Name -> how it is compiled, and its least and greatest number of arguments.
_FUNCTIONS: dict[str, tuple[_Handler, int, int]] = {
    "TO_CHAR": (_to_char, 1, 2),
    "TO_DATE": (_to_date, 1, 2),
    "TO_TIMESTAMP": (_to_date, 2, 2),
    "NVL": (_coalesce, 2, 2),
    "COALESCE": (_coalesce, 2, 50),
    "NULLIF": (_null_if, 2, 2),
    "GREATEST": (_extreme("max"), 2, 50),
    "LEAST": (_extreme("min"), 2, 50),
    "FLOOR": (_floor, 1, 1),
    "CEIL": (_ceil, 1, 1),
    "ABS": (_absolute, 1, 1),
    "MOD": (_modulo, 2, 2),
    "ROUND": (_round, 1, 2),
    "TRUNC": (_truncate, 1, 1),
    "SUBSTR": (_substring, 2, 3),
    "UPPER": (_text_function("oracle_upper({0})"), 1, 1),
    "LOWER": (_text_function("oracle_lower({0})"), 1, 1),
    "TRIM": (_text_function("trim({0})"), 1, 1),
    "CONCAT": (_text_function("COALESCE({0}, '') || COALESCE({1}, '')"), 2, 2),
    "REPLACE": (_text_function("replace({0}, {1}, COALESCE({2}, ''))"), 3, 3),
    "LENGTH": (_text_function("length({0})", Kind.INTEGER), 1, 1),
    "INSTR": (_text_function("instr({0}, {1})", Kind.INTEGER), 2, 2),
}
