"""The console script ``fridge``."""

from __future__ import annotations

import io
import os
import sys
import warnings

import click

from fridge_pipeline.cli.anchor_pack import sign_pack_command, stamp_pack_command
from fridge_pipeline.cli.backtest import backtest
from fridge_pipeline.cli.bill_command import bill
from fridge_pipeline.cli.correct import correct
from fridge_pipeline.cli.corrections import release, withdraw
from fridge_pipeline.cli.database import db, migrate, sql
from fridge_pipeline.cli.demo import demo
from fridge_pipeline.cli.doctor import doctor
from fridge_pipeline.cli.drop_readings import drop_readings
from fridge_pipeline.cli.evidence import evidence
from fridge_pipeline.cli.explain import explain
from fridge_pipeline.cli.interruption import end_now, ended_by_signals, exit_code, last_words, told
from fridge_pipeline.cli.invoices import invoices
from fridge_pipeline.cli.month import approve, close, reopen
from fridge_pipeline.cli.people import people
from fridge_pipeline.cli.reconcile_command import reconcile
from fridge_pipeline.cli.register import sensors
from fridge_pipeline.cli.report import report
from fridge_pipeline.cli.serve import serve
from fridge_pipeline.cli.settlements import settle
from fridge_pipeline.cli.shadow import shadow
from fridge_pipeline.cli.sources import sources
from fridge_pipeline.cli.stripe import sandbox, stripe
from fridge_pipeline.cli.tenants import tenants
from fridge_pipeline.cli.terminal import echo
from fridge_pipeline.cli.up import env, ui, up
from fridge_pipeline.cli.variance import variance
from fridge_pipeline.cli.verify import verify
from fridge_pipeline.orchestration.own_environment import settle_environment

#: Errors of the world or of the input, whose text says what to do: shown without a traceback.
CLEAR_ERRORS = (OSError, ValueError, LookupError, RuntimeError)


#: After a signal a command has so long to end in order; `fridge bill` takes less, and what runs services takes its own.
ENDING_SECONDS_MAX = 5.0


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="fridge_pipeline", prog_name="fridge")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def fridge(context: click.Context, *, debug: bool) -> None:
    """Usage billing for sensor data: landing files, stored readings, usage, Stripe meter events.

    Settings come from the environment (see README.md); with none set everything runs on this machine:
    an embedded PostgreSQL and a local Stripe sandbox.
    """
    settle_environment(os.environ)
    context.obj = {"debug": debug}


DAILY = (up, ui, demo, bill, shadow, explain, tenants, sources, sensors)
CORRECTIONS = (withdraw, release, settle, variance, drop_readings)
MONTHLY = (people, reconcile, invoices, correct, close, approve, reopen, report, backtest)
EVIDENCE = (evidence, sign_pack_command, stamp_pack_command, verify)
INSTALLATION = (serve, stripe, sandbox, db, migrate, doctor, env, sql)

for command in (*DAILY, *CORRECTIONS, *MONTHLY, *EVIDENCE, *INSTALLATION):
    fridge.add_command(command)


def main() -> None:
    """Runs the command line: exit code 0, 1 failed, 2 usage, 130 ended by Ctrl-C, 143 by SIGTERM."""
    warnings.simplefilter("ignore")  # Dagster's notices about its own preview features are not for the operator
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
        echo(f"fridge: {error}", err=True)
        return 1
    raise error
