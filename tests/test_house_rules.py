"""The house rules as a program: what a reader may rely on in every file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scripts.mutants import Edit, Mutant, misfits, read_mutants

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("fridge_pipeline", "stripe_sandbox")
MODULES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 300

#: The only places that may look at the clock or the environment.
MAY_READ_THE_WORLD = (
    *("fridge_pipeline/orchestration", "fridge_pipeline/cli", "stripe_sandbox/__main__.py"),
    *(f"fridge_pipeline/{name}.py" for name in ("installation", "resources", "definitions")),
)
READS_THE_WORLD = re.compile(
    r"datetime\.now|datetime\.utcnow|date\.today|\btime\.time\(|os\.environ|os\.getenv|os\.getcwd|Path\.cwd|Path\.home"
)
#: Children inherit a cleaned environment, which must be read to be cleaned: the embedded server and the sandbox.
READS_FOR_A_CHILD = {
    "fridge_pipeline/database/embedded/layout.py",
    "fridge_pipeline/stripe/local_sandbox.py",
}

VAGUE_NAMES = re.compile(r"utils?|helpers?|manager|common|misc", re.IGNORECASE)


def ids(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_the_clock_and_the_environment_are_read_at_the_top_only() -> None:
    offenders = []
    for path in MODULES:
        name = ids(path)
        if name.startswith(MAY_READ_THE_WORLD) or name in READS_FOR_A_CHILD:
            continue
        code = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
        offenders += [f"{name}: {found[0]}" for found in READS_THE_WORLD.finditer(code)]
    assert offenders == []


def test_no_function_is_longer_than_one_can_see_and_no_module_longer_than_one_can_hold() -> None:
    long_functions = [
        f"{ids(path)}:{function.name}: {lines}"
        for path in MODULES
        for function in functions(ast.parse(path.read_text()))
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES_MAX
    ]
    long_modules = [
        f"{ids(path)}: {lines}" for path in MODULES if (lines := len(path.read_text().splitlines())) > MODULE_LINES_MAX
    ]
    assert (long_functions, long_modules) == ([], [])


def test_every_module_class_and_public_function_says_what_it_means() -> None:
    silent = []
    for path in MODULES:
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree):
            silent.append(ids(path))
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                members = node.body if isinstance(node, ast.ClassDef) else []
                public = [
                    node,
                    *(each for each in members if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))),
                ]
                silent += [
                    f"{ids(path)}:{each.name}"
                    for each in public
                    if not each.name.startswith("_") and not node.name.startswith("_") and not ast.get_docstring(each)
                ]
    assert silent == []


def test_names_are_words_of_the_domain() -> None:
    assert [ids(path) for path in MODULES if VAGUE_NAMES.fullmatch(path.stem)] == []
    vague = [
        f"{ids(path)}:{node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and re.search(r"utils?$|helper|Manager|common", node.name)
    ]
    assert vague == []


def test_no_two_files_of_the_package_share_a_name_but_for_those_that_every_feature_has() -> None:
    standard = {"__init__.py", "assets.py", "rules.py", "queries.sql", "schema.sql"}
    names = Counter(
        path.name
        for kind in ("*.py", "*.sql")
        for path in (REPOSITORY / "fridge_pipeline").rglob(kind)
        if path.name not in standard
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_sql_stands_in_sql_files_and_not_in_python() -> None:
    """Texts that begin like a statement; the few fixed one-line ones that take no parameter are named here.

    The verifier of packs has no file beside it: its index in SQLite stands in two modules.
    """
    of_the_verifier = {"pack_index.py", "sums_on_disk.py"}
    allowed = {
        "drop table if exists pg_temp.candidate_keys",
        "drop table if exists pg_temp.contested_readings",
        "drop table if exists pg_temp.wanted_sensors",
        "select to_regclass('fridge.schema_migrations')",
        "select number, sha256 from fridge.schema_migrations",
    }
    begins = re.compile(r"^\s*(select|insert|update|delete|create|drop|alter|with|copy|truncate)\s", re.IGNORECASE)
    found = [
        f"{ids(path)}:{node.lineno}"
        for path in MODULES
        if path.name not in of_the_verifier
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and begins.match(node.value)
        and re.search(r"\b(from|into|table|set|values|view|database)\b", node.value)
        and node.value not in allowed
        and "\n" not in node.value.strip()
        and not node.value.strip().endswith(".")
    ]
    assert found == []


def test_importing_the_package_reads_no_clock_and_no_environment_and_opens_no_connection() -> None:
    """In a fresh interpreter with the libraries already loaded, so that only our own import is watched."""
    code = """
import sys, socket, subprocess, builtins, importlib, pkgutil
import dagster, polars, pyarrow, psycopg, stripe, yaml, rich, rich.console, rich.progress, rich.table
import click, psutil, requests, starlette.applications, uvicorn, adbc_driver_postgresql.dbapi, gzip, graphlib
opened = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.putenv", "shutil.rmtree", "os.mkdir"):
        opened.append((event, arguments))
    if event == "open" and isinstance(arguments[0], str) and arguments[1] and set(arguments[1]) & set("wax+"):
        if not arguments[0].endswith(".pyc") and "__pycache__" not in arguments[0]:
            opened.append((event, arguments[0]))
sys.addaudithook(watch)
for module in ("stripe_sandbox.server", "fridge_pipeline.definitions", "fridge_pipeline.cli.main"):
    importlib.import_module(module)
list(sys.modules["fridge_pipeline.cli.main"].fridge.commands.values())
print(opened)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-B", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_code_server_does_not_carry_what_only_loads_need() -> None:
    """Pyarrow takes 47 MiB, and the process that evaluates every tick never uses it."""
    code = "import sys, fridge_pipeline.definitions; print('pyarrow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def test_every_mutant_still_finds_its_place_in_the_code_and_its_tests() -> None:
    """``make mutants`` takes long and is run seldom: a renamed line would only show then."""
    mutants = read_mutants()
    assert len(mutants) > 20
    assert list(misfits(mutants)) == []
    assert list(
        misfits([Mutant("g", [Edit("Makefile", "no such text", "")], ["tests/stripe", "tests/none.py::test_x"])])
    ) == [
        "Makefile does not hold exactly once: 'no such text'",
        "there is no tests/none.py::test_x",
    ]
