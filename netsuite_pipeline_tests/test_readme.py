"""The README tells the truth: its commands parse, its targets and files exist, its settings are the settings."""

import re
import shlex
from pathlib import Path

import click
import pytest
import typer.main
from pydantic import SecretStr

from netsuite_pipeline.cli.graph_picture import lineage_svg
from netsuite_pipeline.cli.main import app
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
README = (PROJECT / "README.md").read_text()
SHELL_LINES = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
COMMANDS = [line for line in SHELL_LINES if line.startswith("netsuite-pipeline ")]
TARGETS = [line.removeprefix("make ") for line in SHELL_LINES if line.startswith("make ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_readme_exists_with_its_options(line: str) -> None:
    command: click.Command = typer.main.get_command(app)
    # What comes after > is the shell's.
    arguments = shlex.split(line.partition(" > ")[0])[1:]
    context = click.Context(command)
    while isinstance(command, click.Group):
        arguments = _without_options(command, context, arguments)
        name = arguments.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{line}: there is no command {name}"
        command = found
        context = click.Context(command, parent=context, info_name=name)
    command.parse_args(context, arguments)


def _without_options(group: click.Group, context: click.Context, arguments: list[str]) -> list[str]:
    """What follows the group's own options, which have to be known to it."""
    _, rest, _ = group.make_parser(context).parse_args(list(arguments))
    return rest


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{re.escape(target)}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_every_file_that_the_readme_points_to_exists(path: str) -> None:
    assert (PROJECT / path).exists()


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_in_the_readme_with_its_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    row = f"| `{name.upper()}` | {_shown(field.default)} | {field.description} |"
    assert row in README


def test_the_readme_lists_the_record_types() -> None:
    assert all(name in README for name in CATALOG.names)


def test_the_picture_of_the_lineage_is_what_graph_draws() -> None:
    assert (PROJECT / "docs" / "pictures" / "lineage.svg").read_text() == lineage_svg(CATALOG)


def _shown(default: object) -> str:
    if default is None or default == ():
        return "\N{EN DASH}"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
