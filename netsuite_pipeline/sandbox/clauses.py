"""Read parts of the syntax tree that need no names: row limits, aggregates, aliases, unsupported options."""

from sqlglot import exp

from netsuite_pipeline.sandbox.errors import unsupported
from netsuite_pipeline.sandbox.functions import AGGREGATES
from netsuite_pipeline.sandbox.scope import Expression

# Oracle's reserved words (SQL Language Reference, appendix E), which are no alias unless in quotes.
_WORDS = """access add all alter and any as asc audit between by char check cluster column column_value comment compress
    connect create current date decimal default delete desc distinct drop else exclusive exists file float for from
    grant group having identified immediate in increment index initial insert integer intersect into is level like lock
    long maxextents minus mlslabel mode modify nested_table_id noaudit nocompress not nowait null number of offline on
    online option or order pctfree prior public raw rename resource revoke row rowid rownum rows select session set
    share size smallint start successful synonym sysdate table then to trigger uid union unique update user validate
    values varchar varchar2 view whenever where with"""
_RESERVED = frozenset(_WORDS.split())


def alias_of(node: exp.Expr) -> str:
    """The alias in lower case, '' without one; NetSuiteFault 400 for a reserved word."""
    alias = node.args.get("alias")
    identifier = alias.this if isinstance(alias, exp.TableAlias) else alias
    name = node.alias.lower()
    if name in _RESERVED and not (isinstance(identifier, exp.Identifier) and identifier.quoted):
        raise unsupported(f"'{name}' is a reserved word and no alias.")
    return name


def only(node: exp.Expr, allowed: frozenset[str]) -> None:
    """NetSuiteFault 400 if the node carries an argument that is not compiled."""
    for name, value in node.args.items():
        if name not in allowed and value not in (None, False, [], ()):
            raise unsupported(f"Not supported here: {name.strip('_').upper()}.")


def is_constant(item: Expression) -> bool:
    """Whether the SQL is a whole number, which SQLite takes for a position in GROUP BY and ORDER BY."""
    return item.sql.strip("(- )").isdigit()


def has_aggregate(node: exp.Expr) -> bool:
    """Whether an aggregate function of this SELECT (not of one nested in it) appears below `node`."""
    if isinstance(node, exp.Query):
        return False
    if isinstance(node, exp.Anonymous) and str(node.this).upper() in AGGREGATES:
        return True
    return any(has_aggregate(child) for child in node.iter_expressions())


def rownum_limit(node: exp.Expr) -> int | None:
    """The n of `ROWNUM <= n`, `ROWNUM < n + 1` or `ROWNUM = 1`; None for a condition without ROWNUM on its
    left.
    """
    if not isinstance(node, exp.LTE | exp.LT | exp.EQ) or not isinstance(node.this, exp.Column):
        return None
    if node.this.table or node.this.name.lower() != "rownum":
        return None
    bound = node.expression
    if not isinstance(bound, exp.Literal) or bound.is_string or not bound.this.isdigit():
        raise unsupported("ROWNUM is compared with a whole number.")
    if isinstance(node, exp.EQ):
        # ROWNUM = 2 is never true: the first candidate always gets number 1.
        return 1 if int(bound.this) == 1 else 0
    return int(bound.this) - isinstance(node, exp.LT)


def fetched_rows(node: exp.Expr) -> int | None:
    """The n of `TOP n` or `FETCH FIRST n ROWS ONLY`, None without one."""
    limit = node.args.get("limit")
    if limit is None:
        return None
    count = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.args.get("expression")
    options = limit.args.get("limit_options")
    if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
        raise unsupported("FETCH FIRST takes a number of rows only.")
    if not isinstance(count, exp.Literal) or not count.this.isdigit():
        raise unsupported("A row limit is a whole number.")
    return int(count.this)
