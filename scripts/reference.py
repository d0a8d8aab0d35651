"""Write docs/reference/ from the code: environment variables, commands, metrics, the SQL models with their columns.

README's table of variables is written from the same settings.

    python scripts/reference.py            # `make docs`, which adds what `fridge db schema` prints
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from fridge_pipeline.cli.command_table import COMMANDS
from fridge_pipeline.cli.main import fridge
from fridge_pipeline.database.check_models import tests_of
from fridge_pipeline.database.models import Severity, SqlModel, read_models
from fridge_pipeline.operations.expose_signals import PREFIX
from fridge_pipeline.operations.rules.signals import SIGNALS
from fridge_pipeline.settings import MODELS_FOLDER, REPOSITORY, SECRETS, Settings

FOLDER = REPOSITORY / "docs" / "reference"
README = REPOSITORY / "README.md"

#: Read by the client of the object store, not by us; obstore knows more of them.
OF_THE_STORE = (
    "| `AWS_ACCESS_KEY_ID` | the role of machine or pod | who opens `s3://…` |",
    "| `AWS_SECRET_ACCESS_KEY` | the role of machine or pod | the secret of it; secret |",
    "| `AWS_SESSION_TOKEN` | none | the token of a temporary sign-in; secret |",
    "| `AWS_REGION` | as the store says | the bucket's region |",
    "| `AWS_ENDPOINT_URL` | Amazon's | the address of another S3-compatible store |",
)
VARIABLES_HEAD = ("| variable | default | meaning |", "|---|---|---|")
BEHIND_THE_MODELS = """\
Finance reads the **marts** below, in the schema `fridge`. The tables that the pipeline writes, with types and what the
database enforces, are in [schema.md](schema.md) (`fridge db schema`).
"""
MADE_BY = "Made from the code by `make docs`.\n"


def pages() -> dict[str, str]:
    """Every page by its file name."""
    made = {"environment.md": environment(), "commands.md": commands(), "metrics.md": metrics()}
    return made | {"tables.md": tables()}


def metrics() -> str:
    """What Prometheus reads, each with its labels."""
    rows = []
    for name, signal in SIGNALS.items():
        labels = f"{{{', '.join(signal.labels)}}}" if signal.labels else ""
        rows.append(f"| `{PREFIX}{name}{labels}` | {signal.meaning} |")
    return "\n".join(["# Metrics\n", MADE_BY, "| signal | meaning |", "|---|---|", *rows, ""])


def environment() -> str:
    """The variables, those of the store apart."""
    return "\n".join(
        [
            "# Environment variables\n",
            MADE_BY,
            "All are optional; an empty one counts as unset. A secret one's value shows in no log, table or error.",
            "It may come by file (not that of the object store): `_FILE` behind the name, a file's absolute path.\n",
            *VARIABLES_HEAD,
            *variables("../"),
            "\n## Read by the client of the object store\n",
            *VARIABLES_HEAD,
            *OF_THE_STORE,
            "",
        ]
    )


def variables(docs: str) -> list[str]:
    """A row for each variable of the settings; ``docs`` leads from the page to the folder its links are in."""
    rows = []
    for field in Settings.model_fields.values():
        if field.description is not None:
            shown = field.json_schema_extra["shown"]  # type: ignore[index]
            meaning = re.sub(r"\]\((?=\w)", f"]({docs}", field.description)
            secret = "; secret" if field.validation_alias in SECRETS else ""
            rows.append(f"| `{field.validation_alias}` | {shown} | {meaning}{secret} |")
    return rows


def readme() -> str:
    """README as it is, with the table of variables as the code makes it."""
    text = README.read_text(encoding="utf-8")
    head = "\n".join(VARIABLES_HEAD)
    before, table = text.split(head)
    _, rest = table.split("\n\n", maxsplit=1)
    return "\n".join([before + head, *variables("docs/")]) + f"\n\n{rest}"


def commands() -> str:
    """Every command with its whole help, arguments and options."""
    parts = [
        "# Commands\n",
        MADE_BY,
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. Every command has `--help`.\n",
    ]
    for title, entries in COMMANDS:
        parts.append(f"## {title}\n")
        for entry in entries:
            leaves = _leaves(f"fridge {entry.name}", fridge.commands[entry.name])
            parts += [_command_text(path, each) for path, each in leaves]
    parts.append("## For all commands\n\n`fridge [OPTION] COMMAND …`\n")
    parts.append("\n".join(_options(fridge)) + "\n")
    return "\n".join(parts)


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from _leaves(f"{path} {name}", child)
    else:
        yield path, command


def _command_text(path: str, command: click.Command) -> str:
    arguments = [
        each.make_metavar(click.Context(command)) for each in command.params if isinstance(each, click.Argument)
    ]
    usage = " ".join([path, *(["[OPTIONS]"] if _options(command) else []), *arguments])
    paragraphs = "\n\n".join(" ".join(each.split()) for each in (command.help or "").split("\n\n"))
    text = f"### {path}\n\n`{usage}`\n\n{paragraphs}\n"
    return text + ("\n" + "\n".join(_options(command)) + "\n" if _options(command) else "")


def _options(command: click.Command) -> list[str]:
    """As a table; nothing where there are none."""
    rows = [_option(command, each) for each in command.params if isinstance(each, click.Option)]
    return ["| option | meaning |", "|---|---|", *rows] if rows else []


def _option(command: click.Command, option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(command))}"
    notes = [note for note in (option.help or "", "Required." if option.required else "") if note]
    if option.show_default and option.default is not None:
        notes.append(f"Default: {option.default}.")
    return f"| {names}{value} | {' '.join(notes).replace('|', chr(92) + '|')} |"


def tables() -> str:
    """The SQL models; the tables behind them have a page that the database itself writes."""
    models = read_models(MODELS_FOLDER)
    parts = [
        "# Tables\n",
        MADE_BY,
        BEHIND_THE_MODELS,
    ]
    for layer in ("marts", "staging"):
        parts.append(f"## {layer}\n")
        parts += [_model_text(model) for model in sorted(models, key=lambda each: each.name) if model.layer == layer]
    return "\n".join(parts)


def _model_text(model: SqlModel) -> str:
    rows = [f"| {name} | {column.type} | {column.meaning} |" for name, column in model.columns.items()]
    lines = [
        f"### {model.name}\n",
        f"{model.description} ({model.materialized.value}; reads {', '.join(sorted(model.reads)) or 'nothing'})\n",
        f"For example: {model.example}\n",
        *(["| column | type | meaning |", "|---|---|---|", *rows, ""] if rows else []),
    ]
    tests = [f"- `{test.name}`{_severity(test.severity)}: {test.says}" for test in tests_of(model, None)]
    return "\n".join([*lines, *tests, *([""] if tests else [])])


def _severity(severity: Severity) -> str:
    return " (a warning)" if severity is Severity.WARN else ""


def write(folder: Path) -> None:
    """Writes every page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(FOLDER)
    README.write_text(readme(), encoding="utf-8")
