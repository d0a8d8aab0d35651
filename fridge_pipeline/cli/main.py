"""The console script ``fridge``."""

from __future__ import annotations

import io
import os
import sys
import warnings
from importlib.metadata import version

import click

from fridge_pipeline.cli.command_groups import LazyGroup
from fridge_pipeline.cli.command_table import COMMANDS
from fridge_pipeline.cli.echo import echo
from fridge_pipeline.cli.interruption import end_now, ended_by_signals, exit_code, last_words, told
from fridge_pipeline.commit import commit
from fridge_pipeline.orchestration.own_environment import settle_environment

#: Errors of the world or of the input, whose text says what to do: shown without a traceback.
CLEAR_ERRORS = (OSError, ValueError, LookupError, RuntimeError)


#: After a signal a command has so long to end in order; `fridge bill` takes less, and what runs services takes its own.
ENDING_SECONDS_MAX = 5.0


#: As click words it.
VERSION_HELP = "Show the version and exit."


def _show_version(context: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        echo(f"fridge, version {version('fridge_pipeline')}, commit {commit()}")
        context.exit()


@click.group(
    cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help=VERSION_HELP)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def fridge(context: click.Context, *, debug: bool) -> None:
    """Usage billing for sensor data: landing files, stored readings, usage, Stripe meter events.

    Settings come from the environment (see README.md); with none set everything runs on this machine:
    an embedded PostgreSQL and a local Stripe sandbox.
    """
    settle_environment(os.environ)
    context.obj = {"debug": debug}


def main() -> None:
    """Runs the command line: exit code 0, 1 failed, 2 usage, 130 ended by Ctrl-C, 143 by SIGTERM."""
    warnings.simplefilter("ignore")  # Dagster's notices about its own preview features are not for the operator
    # Imported here, where a signal ends the process at once: libraries swallow an exception in the midst of an import.
    fridge.commands.get(next((each for each in sys.argv[1:] if not each.startswith("-")), ""))
    with ended_by_signals(ENDING_SECONDS_MAX):
        code = _run()
        if exit_code() is not None:
            end_now(code)
    sys.exit(code)


def _run() -> int:
    try:
        fridge.main(standalone_mode=False)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException as error:  # noqa: BLE001 # raised anew unless it can be said
        if (interrupted := exit_code()) is not None:  # whatever breaks while we end is not worth a word
            echo(last_words(), err=True)
            told()
            return interrupted
        return _say(error)
    return 0


def _say(error: BaseException) -> int:
    """Says what went wrong in a line; raises it anew when nobody can do anything about it, or asked for it."""
    if isinstance(error, click.ClickException):
        shown = io.StringIO()
        error.show(shown)
        echo(shown.getvalue(), err=True, nl=False)
        return error.exit_code
    if isinstance(error, CLEAR_ERRORS) and "--debug" not in sys.argv:
        words = "it was not confirmed, and nothing was done" if isinstance(error, click.Abort) else str(error)
        echo(f"fridge: {words or type(error).__name__}", err=True)
        return 1
    raise error
