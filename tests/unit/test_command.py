"""The `buuta` command: each of its commands is loaded when it is asked for, and none is forgotten."""

import subprocess
import sys
from pathlib import Path

from buuta import cli
from buuta.cli.main import MODULES, Commands, added_by


def test_every_module_that_adds_commands_is_named_with_all_of_them() -> None:
    folder = Path(str(cli.__file__)).parent
    adding = {
        each.stem for each in folder.glob("*.py") if "def add_to(app: typer.Typer)" in each.read_text()
    }
    assert adding == set(MODULES.values())
    assert {name: module for module in adding for name in added_by(module)} == MODULES


def test_every_command_has_its_name_and_says_what_it_does() -> None:
    for name, command in Commands().items():
        assert command.name == name
        assert command.get_short_help_str()


def test_what_no_command_asks_for_is_not_imported() -> None:
    code = "import sys, buuta.cli.main; print({'faust', 'pyarrow', 'duckdb', 'fastapi'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
