"""Types are compared by what they hold, not by their names."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.types import TypeEngine

from netsuite_pipeline.warehouse.migration.shapes import Fit, Shapes, shape_of
from netsuite_pipeline.warehouse.tables import HASH, LONG_TEXT, MOMENT, ExactDecimal

SERVER, FILE = mysql.dialect(), sqlite.dialect()


@pytest.mark.parametrize(
    ("found", "declared", "fit"),
    [
        (mysql.TINYINT(display_width=1), sa.Boolean(), Fit.SAME),
        (mysql.INTEGER(display_width=11), sa.Integer(), Fit.SAME),
        (mysql.DECIMAL(24, 8), ExactDecimal(24, 8), Fit.SAME),
        (mysql.DATETIME(fsp=6), MOMENT, Fit.SAME),
        (mysql.DATETIME(), sa.DateTime().with_variant(mysql.DATETIME(), "mysql"), Fit.SAME),
        (mysql.BINARY(16), HASH, Fit.SAME),
        (mysql.LONGTEXT(), LONG_TEXT, Fit.SAME),
        (mysql.VARCHAR(16_383), sa.Text(), Fit.WIDENS),
        (mysql.VARCHAR(16_384), sa.Text(), Fit.OVERLAPS),
        (mysql.TEXT(), sa.String(20_000), Fit.OVERLAPS),
        (mysql.TEXT(), LONG_TEXT, Fit.WIDENS),
        (mysql.DECIMAL(24, 8), ExactDecimal(38, 20), Fit.WIDENS),
        (mysql.DECIMAL(24, 8), ExactDecimal(24, 10), Fit.OVERLAPS),
        (mysql.DECIMAL(24, 8), ExactDecimal(30, 4), Fit.OVERLAPS),
        (mysql.DECIMAL(24, 8, unsigned=True), ExactDecimal(24, 8), Fit.WIDENS),
        (mysql.INTEGER(unsigned=True), sa.Integer(), Fit.OVERLAPS),
        (mysql.INTEGER(unsigned=True), sa.BigInteger(), Fit.WIDENS),
        (mysql.MEDIUMINT(), sa.Integer(), Fit.WIDENS),
        (mysql.BIGINT(), ExactDecimal(20, 0), Fit.WIDENS),
        (mysql.BIGINT(), ExactDecimal(24, 8), Fit.DIFFERS),
        (mysql.DECIMAL(30, 0), sa.BigInteger(), Fit.WIDER),
        (mysql.DECIMAL(19, 0), sa.BigInteger(), Fit.WIDER),
        (mysql.DECIMAL(18, 0), sa.BigInteger(), Fit.DIFFERS),
        (mysql.DECIMAL(30, 8), ExactDecimal(24, 8), Fit.WIDER),
        (mysql.BIGINT(), sa.Boolean(), Fit.WIDER),
        (mysql.VARCHAR(255), sa.String(64), Fit.WIDER),
        (mysql.TEXT(), sa.String(64), Fit.WIDER),
        (mysql.DATE(), sa.DateTime(), Fit.WIDENS),
        (mysql.DATETIME(), sa.Date(), Fit.WIDER),
        (mysql.DATETIME(fsp=6), sa.DateTime(), Fit.WIDER),
        (mysql.VARBINARY(16), HASH, Fit.WIDER),
        (mysql.DATETIME(fsp=3), MOMENT, Fit.WIDENS),
        (mysql.BINARY(20), HASH, Fit.DIFFERS),
        (mysql.BINARY(8), HASH, Fit.OVERLAPS),
        (mysql.FLOAT(), sa.Double(), Fit.DIFFERS),
        (mysql.DOUBLE(10, 2), sa.Double(), Fit.DIFFERS),
        (mysql.TIMESTAMP(), sa.DateTime(), Fit.DIFFERS),
        (mysql.BIT(1), sa.Boolean(), Fit.DIFFERS),
        (mysql.CHAR(10), sa.String(10), Fit.DIFFERS),
    ],
)
def test_on_servers(found: TypeEngine[object], declared: TypeEngine[object], fit: Fit) -> None:
    assert shape_of(found, SERVER).fit(shape_of(declared, SERVER)) is fit


@pytest.mark.parametrize(
    ("found", "declared", "fit"),
    [
        (sa.TEXT(), ExactDecimal(24, 8), Fit.SAME),
        (sa.BLOB(), HASH, Fit.SAME),
        (sa.DATETIME(), MOMENT, Fit.SAME),
        (sa.BOOLEAN(), sa.Boolean(), Fit.SAME),
        (sa.VARCHAR(10), LONG_TEXT, Fit.WIDENS),
        (sa.TEXT(), sa.String(10), Fit.WIDER),
        (sa.DATE(), MOMENT, Fit.WIDENS),
        (sa.DATETIME(), sa.Date(), Fit.WIDER),
        (sa.REAL(), sa.Double(), Fit.SAME),
        (sa.VARBINARY(16), HASH, Fit.SAME),
        (sa.INTEGER(), sa.BigInteger(), Fit.WIDENS),
        (sa.REAL(), ExactDecimal(24, 8), Fit.DIFFERS),
    ],
)
def test_on_sqlite(found: TypeEngine[object], declared: TypeEngine[object], fit: Fit) -> None:
    assert shape_of(found, FILE).fit(shape_of(declared, FILE)) is fit


def test_json_is_long_text_on_mariadb() -> None:
    dialect = mysql.dialect()
    dialect.is_mariadb = True
    assert shape_of(mysql.LONGTEXT(), dialect).fit(shape_of(sa.JSON(), dialect)) is Fit.SAME


@pytest.mark.parametrize("dialect", [SERVER, FILE], ids=["server", "file"])
def test_the_shapes_of_many_types_are_those_of_each(dialect: sa.Dialect) -> None:
    # What differs in one argument alone, or in none, and what cannot be hashed.
    made = [
        *(mysql.VARCHAR(length, collation=collation) for length in (10, 20, 10) for collation in (None, "utf8mb4_bin")),
        *(mysql.INTEGER(unsigned=unsigned) for unsigned in (False, True, False)),
        *(mysql.DATETIME(fsp=digits) for digits in (None, 3, 6, 3)),
        *(ExactDecimal(24, scale) for scale in (8, 10, 8)),
        *(sa.DECIMAL(24, scale) for scale in (8, 10, 8)),
        *(sa.Enum("a", "b"), mysql.ENUM("a", "b"), mysql.SET("a"), sa.JSON(), sa.Uuid()),
        *(HASH, MOMENT, LONG_TEXT, sa.Text(), sa.Boolean(), sa.Date(), HASH),
    ]
    shapes = Shapes(dialect)
    assert [shapes.of(found) for found in made] == [shape_of(found, dialect) for found in made]
