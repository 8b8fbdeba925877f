"""The lineage of the record types as a small SVG of our own: a column of boxes per level, a line per dependency.

Lines that follow from others (an invoice needs a subsidiary, and so does the customer it needs) are faint.
"""

from collections.abc import Iterator, Mapping
from html import escape

from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType

_BOX_WIDTH, _BOX_HEIGHT = 170, 28
_COLUMN, _ROW = 290, 44
_MARGIN, _HEAD = 24, 40
# Lines take the colour of the level that they come from.
_COLOURS = ("#2563eb", "#059669", "#d97706", "#dc2626", "#7c3aed")

_Places = Mapping[str, tuple[int, int]]


def lineage_svg(catalog: Catalog) -> str:
    """The text of an SVG file. Dependencies stand to the left of what depends on them."""
    depth = 1 + max(catalog.level(name) for name in catalog.names)
    columns = [[name for name in catalog.names if catalog.level(name) == level] for level in range(depth)]
    longest = max(map(len, columns))
    # Shorter columns stand in the middle.
    places = {
        name: (_MARGIN + level * _COLUMN, _MARGIN + _HEAD + (longest - len(names)) * _ROW // 2 + row * _ROW)
        for level, names in enumerate(columns)
        for row, name in enumerate(names)
    }
    width = 2 * _MARGIN + (depth - 1) * _COLUMN + _BOX_WIDTH
    height = 2 * _MARGIN + _HEAD + longest * _ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="Helvetica, Arial, sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *_heads(depth),
        *_lines(catalog, places),
        *_boxes(catalog, places),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _heads(depth: int) -> Iterator[str]:
    for level in range(depth):
        middle = _MARGIN + level * _COLUMN + _BOX_WIDTH // 2
        yield f'<text x="{middle}" y="{_MARGIN + 12}" text-anchor="middle" fill="#6b7280">Level {level}</text>'


def _lines(catalog: Catalog, places: _Places) -> Iterator[str]:
    for record_type in catalog:
        right, to = places[record_type.name]
        for parent in record_type.depends_on:
            left, origin = places[parent]
            start, end = left + _BOX_WIDTH, right
            bend = (end - start) // 2
            y, z = origin + _BOX_HEIGHT // 2, to + _BOX_HEIGHT // 2
            colour = _COLOURS[catalog.level(parent) % len(_COLOURS)]
            opacity = 0.12 if _is_implied(parent, record_type, catalog) else 0.6
            yield (
                f'<path d="M{start},{y} C{start + bend},{y} {end - bend},{z} {end},{z}" fill="none" stroke="{colour}"'
                f' stroke-opacity="{opacity}"><title>{escape(record_type.name)} needs {escape(parent)}</title></path>'
            )


def _is_implied(parent: str, record_type: RecordType, catalog: Catalog) -> bool:
    others = [name for name in record_type.depends_on if name != parent]
    return any(found.name == parent for found in catalog.select(others, dependencies=True))


def _boxes(catalog: Catalog, places: _Places) -> Iterator[str]:
    for name, (x, y) in places.items():
        colour = _COLOURS[catalog.level(name) % len(_COLOURS)]
        yield (
            f'<rect x="{x}" y="{y}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="5" fill="#f9fafb"'
            f' stroke="{colour}"/>'
        )
        yield (
            f'<text x="{x + _BOX_WIDTH // 2}" y="{y + _BOX_HEIGHT // 2 + 4}" text-anchor="middle" fill="#111827">'
            f"{escape(name)}</text>"
        )
