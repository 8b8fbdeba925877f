"""SuiteQL text to a syntax tree, with every parse that would guess a meaning switched off.

The grammar is sqlglot's Oracle dialect. Functions stay plain names with arguments, because the meaning of
each one that is served is written down in `functions`.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.oracle import Oracle
from sqlglot.errors import SqlglotError
from sqlglot.parsers.oracle import OracleParser

from netsuite_pipeline.sandbox.errors import unsupported

_FORBIDDEN_TOKENS = {
    TokenType.WITH: "WITH is not supported.",
    TokenType.LIMIT: "LIMIT is not supported: use FETCH FIRST n ROWS ONLY.",
}
_MISSING = object()


class SuiteQL(Oracle):
    """Oracle's grammar without sqlglot's translation of functions."""

    class Parser(OracleParser):
        """Calls of any name parse to `Anonymous`; only CASE keeps its grammar."""

        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[TokenType, Any]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
            name: parser for name, parser in OracleParser.NO_PAREN_FUNCTION_PARSERS.items() if name == "CASE"
        }


def parse(sql: str, bound: Sequence[object] = ()) -> exp.Query:
    """The tree of one SELECT (or UNION of them) with `bound` in place of its `?`; NetSuiteFault 400
    otherwise.
    """
    dialect = SuiteQL()
    try:
        tokens = _with_values(dialect.tokenize(sql), bound)
        statements = [statement for statement in dialect.parser().parse(tokens, sql) if statement is not None]
    except (SqlglotError, RecursionError):
        raise unsupported("The query cannot be parsed.") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise unsupported("Exactly one SELECT is expected.")
    return statements[0]


def _with_values(tokens: list[Token], bound: Sequence[object]) -> list[Token]:
    """The tokens with every `?` replaced by its value as a string constant, which Oracle converts as
    needed.
    """
    values = iter(bound)
    result, used = [], 0
    for token in tokens:
        if token.token_type in _FORBIDDEN_TOKENS:
            raise unsupported(_FORBIDDEN_TOKENS[token.token_type])
        if token.token_type is not TokenType.PLACEHOLDER:
            result.append(token)
            continue
        value = next(values, _MISSING)
        used += 1
        if value is None:
            result.append(Token(TokenType.NULL, "NULL"))
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            result.append(Token(TokenType.STRING, str(value)))
        else:
            raise unsupported("Every ? needs a string or a number in params.")
    if used != len(bound):
        raise unsupported("The request has more params than the query has ?.")
    return result
