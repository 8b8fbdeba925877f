"""YAML text with line numbers: plain values, and the line on which each of them stands.

Only what a declaration needs: mappings, lists, whole numbers, true, false and text. `No` and `1:30` stay text, and a
name that stands twice is an error. What the values mean is decided in `custom_model` and `custom`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from netsuite_pipeline.record_types.catalog import CatalogError

Place = tuple[str | int, ...]

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
# The example is five levels deep, and a wide file has some ten thousand values.
_DEEPEST = 20
_MOST_VALUES = 100_000
_TOO_DEEP = f"this is more than {_DEEPEST} levels deep; write it as the example in docs shows."
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


class CustomTypesError(CatalogError):
    """The file of custom record types is wrong; the text is one sentence with file, line and what to write."""


@dataclass(frozen=True)
class Document:
    """What a file says (`data`), and where: the line of every key and list entry, by its path from the top."""

    file: Path
    data: Any
    lines: Mapping[Place, int]

    def error(self, place: Sequence[str | int], sentence: str) -> CustomTypesError:
        """The error for what stands at `place`, or for what encloses it where nothing stands there."""
        for end in range(len(place), -1, -1):
            line = self.lines.get(tuple(place[:end]))
            if line is not None:
                return located(self.file, line, sentence)
        return located(self.file, 1, sentence)


def located(file: Path, line: int, sentence: str) -> CustomTypesError:
    """The error with file and line in front."""
    return CustomTypesError(f"{file}, line {line}: {sentence}")


def read_document(file: Path, *, variable: str = "RECORD_TYPES_FILE", texts: bool = False) -> Document:
    """The parsed file, which `variable` names; CustomTypesError if it cannot be read or is no YAML.

    With `texts`, every value is the text that stands there.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise CustomTypesError(f"{variable} cannot be read: {file}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CustomTypesError(f"{variable} cannot be read: {file} is no UTF-8 text.") from None
    return parsed(text, file, texts=texts)


def parsed(text: str, file: Path, *, texts: bool = False) -> Document:
    """The parsed `text`, which stands in `file`; CustomTypesError if it is no YAML."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except _TooDeep as error:
        raise located(file, error.line, _TOO_DEEP) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise located(file, line, f"this is no YAML ({error.problem}); check indentation, colons and quotes.") from None
    except yaml.YAMLError:
        raise located(file, 1, "this is no YAML; remove what is no printable text.") from None
    lines: dict[Place, int] = {(): 1}
    data = None if node is None else _Reader(file, lines, texts=texts).value(node, ())
    return Document(file, data, lines)


class _TooDeep(Exception):  # noqa: N818 - says what the text is
    """The text is nested deeper than any declaration, at `line`."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Composes nodes only as deep as they make sense: it calls itself for each level."""

    _depth = 0

    def compose_node(self, parent: yaml.Node, index: Any) -> yaml.Node:
        """One node with all that is in it."""
        if self._depth > _DEEPEST:
            raise _TooDeep(self.peek_event().start_mark.line + 1)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


class _Reader:
    """Turns YAML nodes into values and notes their lines."""

    def __init__(self, file: Path, lines: dict[Place, int], *, texts: bool) -> None:
        self._file = file
        self._texts = texts
        self._lines = lines
        self._open: list[yaml.Node] = []
        self._values = 0

    def value(self, node: yaml.Node, place: Place) -> Any:
        self._check(node)
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return node.value if self._texts else _scalar(node)
        self._open.append(node)
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(entry, (*place, number)) for number, entry in enumerate(node.value)]
            return self._mapping(node.value, place)
        finally:
            self._open.pop()

    def _check(self, node: yaml.Node) -> None:
        # A few lines of aliases can stand for more than the memory holds, or for itself.
        self._values += 1
        sentence = None
        if any(node is outer for outer in self._open):
            sentence = "this contains itself; write it out."
        elif len(self._open) > _DEEPEST:
            sentence = _TOO_DEEP
        elif self._values > _MOST_VALUES:
            sentence = f"the file has more than {_MOST_VALUES:,} values, those behind aliases counted; write fewer."
        if sentence is not None:
            raise located(self._file, node.start_mark.line + 1, sentence)

    def _mapping(self, pairs: Iterable[tuple[yaml.Node, yaml.Node]], place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise located(self._file, line, "a name is expected here; write `name: value`.")
            if key.value in found:
                first = self._lines[(*place, key.value)]
                raise located(
                    self._file,
                    line,
                    f"{key.value!r} stands here a second time, after line {first}; remove one of them.",
                )
            self._lines[(*place, key.value)] = line
            found[key.value] = self.value(value, (*place, key.value))
        return found


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    # A style means quotes or a block: text whatever it says.
    if node.style is not None:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return int(text) if _INTEGER.fullmatch(text) else text
