"""Assembles the command line: `python -m precompute COMMAND`."""

from __future__ import annotations

from typing import Annotated

import typer

from cache.version import VERSION
from precompute.cli.compare import compare
from precompute.cli.doctor import doctor
from precompute.cli.kenburns import kenburns
from precompute.cli.measure import measure
from precompute.cli.output.console import say
from precompute.cli.plain_help import HELP_NAMES, PlainCommand, PlainGroup
from precompute.cli.requests import REQUEST_COMMANDS
from precompute.cli.results.add import add
from precompute.cli.results.look import look
from precompute.cli.results.save import save
from precompute.cli.run import run
from precompute.cli.store.export_tracks import export_tracks
from precompute.cli.store.gc import gc
from precompute.cli.store.import_tracks import import_tracks
from precompute.cli.store.list_tracks import list_tracks
from precompute.cli.store.remove import remove
from precompute.cli.store.verify import verify
from precompute.cli.zoo.add import add_zoo
from precompute.cli.zoo.calibrate import calibrate
from precompute.cli.zoo.check import check
from precompute.cli.zoo.import_zoo import import_zoo
from precompute.cli.zoo.list_zoos import list_zoos
from precompute.cli.zoo.pull import pull
from precompute.cli.zoo.show import show

STORE_COMMANDS = {
    "list": list_tracks,
    "verify": verify,
    "remove": remove,
    "gc": gc,
    "export": export_tracks,
    "import": import_tracks,
    "doctor": doctor,
}
ZOO_COMMANDS = {
    "list": list_zoos,
    "show": show,
    "check": check,
    "pull": pull,
    "add": add_zoo,
    "import": import_zoo,
    "calibrate": calibrate,
}
RESULTS_COMMANDS = {"look": look, "add": add, "save": save}

app = typer.Typer(
    cls=PlainGroup,
    context_settings=HELP_NAMES,
    help="Precompute what the dashboard shows: predictions, readouts and consistency energies of videos.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
zoo_app = typer.Typer(
    cls=PlainGroup,
    context_settings=HELP_NAMES,
    help="Manage zoos: the sets of networks for `run --zoo`.",
    no_args_is_help=True,
)
results_app = typer.Typer(
    cls=PlainGroup,
    context_settings=HELP_NAMES,
    help="Bring predictions and ground truth computed elsewhere to a clip, and write stored values in the field's formats.",
    no_args_is_help=True,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        say(f"Crosscheck {VERSION}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_say_version, help="Show the version and exit."),
    ] = False,
) -> None:
    """Only holds the options of the program itself; each command is a function of its own."""


for name, command in {
    "run": run,
    "compare": compare,
    "measure": measure,
    "kenburns": kenburns,
    **REQUEST_COMMANDS,
    **STORE_COMMANDS,
}.items():
    app.command(name, cls=PlainCommand, context_settings=HELP_NAMES)(command)
for name, command in ZOO_COMMANDS.items():
    zoo_app.command(name, cls=PlainCommand, context_settings=HELP_NAMES)(command)
for name, command in RESULTS_COMMANDS.items():
    results_app.command(name, cls=PlainCommand, context_settings=HELP_NAMES)(command)
app.add_typer(zoo_app, name="zoo")
app.add_typer(results_app, name="results")
