"""The console script ``fridge``."""

from __future__ import annotations

import os
import sys
import warnings

import click
from dagster import DagsterExecutionInterruptedError

from fridge_pipeline.cli.backtest import backtest
from fridge_pipeline.cli.bill import bill
from fridge_pipeline.cli.database import db, migrate
from fridge_pipeline.cli.demo import demo
from fridge_pipeline.cli.doctor import doctor
from fridge_pipeline.cli.drop_readings import drop_readings
from fridge_pipeline.cli.evidence import evidence
from fridge_pipeline.cli.explain import explain
from fridge_pipeline.cli.month import approve, close, reopen
from fridge_pipeline.cli.release import release
from fridge_pipeline.cli.report import report
from fridge_pipeline.cli.sandbox import sandbox
from fridge_pipeline.cli.serve import serve
from fridge_pipeline.cli.shadow import shadow
from fridge_pipeline.cli.sql import sql
from fridge_pipeline.cli.stripe import stripe
from fridge_pipeline.cli.tenants import tenants
from fridge_pipeline.cli.ui import ui
from fridge_pipeline.cli.up import env, up
from fridge_pipeline.cli.verify import verify
from fridge_pipeline.cli.withdraw import withdraw
from fridge_pipeline.orchestration.own_environment import settle_environment

#: Errors of the world or of the input, whose text says what to do: shown without a traceback.
CLEAR_ERRORS = (OSError, ValueError, LookupError, RuntimeError)


#: What shells use for a command that Ctrl-C ended.
INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def fridge(context: click.Context, *, debug: bool) -> None:
    """Usage billing for sensor data: landing files, stored readings, usage, Stripe meter events.

    Settings come from the environment (see README.md); with none set everything runs on this machine:
    an embedded PostgreSQL and a local Stripe sandbox.
    """
    settle_environment(os.environ)
    context.obj = {"debug": debug}


DAILY = (up, ui, demo, bill, shadow, explain, withdraw, release, drop_readings, tenants)
MONTHLY = (close, approve, reopen, report, evidence, verify, backtest)
INSTALLATION = (serve, stripe, sandbox, db, migrate, doctor, env, sql)

for command in (*DAILY, *MONTHLY, *INSTALLATION):
    fridge.add_command(command)


def main() -> None:
    """Runs the command line: exit code 0, 1 failed, 2 usage."""
    warnings.simplefilter("ignore")  # Dagster's notices about its own preview features are not for the operator
    try:
        fridge.main(standalone_mode=False)
    except (click.exceptions.Abort, DagsterExecutionInterruptedError):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except CLEAR_ERRORS as error:
        if "--debug" in sys.argv:
            raise
        click.echo(f"fridge: {error}", err=True)
        sys.exit(1)
