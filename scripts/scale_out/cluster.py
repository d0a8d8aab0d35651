"""One installation for a round of ``make scale-out``: every part a process of its own, all ended with the round."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psutil
import yaml
from deliveries import TENANTS, Landed, tenant_name

from benchmarks.measuring.stopwatch import cpu_of_processes
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.cli.dagster_services import ANY_PORT, HOST, start_listening
from fridge_pipeline.cli.services import Service, Services, free_port
from fridge_pipeline.installation import open_installation
from fridge_pipeline.orchestration.instance import CodeAddress, workspace_file
from fridge_pipeline.settings import REPOSITORY, read_settings
from tests.world import World

CELERY = REPOSITORY / "deploy" / "celery"
PROGRAMS = Path(sys.executable).parent
START_SECONDS_MAX = 60.0
PAUSE_SECONDS = 0.1

Launcher = Literal["celery", "default"]
DAGSTER_YAML = {"celery": CELERY / "dagster.yaml", "default": REPOSITORY / "dagster.yaml"}


def customer_of(tenant_id: str) -> str:
    """The Stripe customer of a tenant."""
    return f"cus_{tenant_id.replace('-', '')}"


@dataclass
class Cluster:
    """A running installation. ``slots`` runs work at the same time, with either launcher."""

    world: World
    dsn: str
    launcher: Launcher
    slots: int
    landing: Path
    landed: Landed
    services: Services
    broker_port: int = 0
    ui_url: str = ""
    lost_cpu_seconds: float = 0.0  # of processes that have ended

    @property
    def results_url(self) -> str:
        """Where Celery keeps what became of its tasks."""
        return f"redis://{HOST}:{self.broker_port}/1"

    def environment(self, machine: str) -> dict[str, str]:
        """Of a machine: its own folders; database, landing zone, Stripe and broker are all that it shares."""
        home = self.world.home / machine
        dagster_home = home / "dagster"
        if not dagster_home.exists():
            dagster_home.mkdir(parents=True)
            told = yaml.safe_load(DAGSTER_YAML[self.launcher].read_text(encoding="utf-8"))
            told["concurrency"]["runs"]["max_concurrent_runs"] = self.slots
            (dagster_home / "dagster.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
        return self.world.environment(
            FRIDGE_HOME=str(home),
            FRIDGE_DATABASE_URL=self.dsn,
            FRIDGE_LANDING_URI=str(self.landing),
            FRIDGE_PARTITIONS_START=self.landed.hours.first.key,
            CELERY_BROKER_URL=f"redis://{HOST}:{self.broker_port}/0",
            CELERY_RESULT_BACKEND=self.results_url,
            DAGSTER_HOME=str(dagster_home),
            DAGSTER_EVENT_BATCH_SIZE="200",
            DAGSTER_DISABLE_TELEMETRY="yes",
        )

    def prepare(self) -> None:
        """Schema, meters and tenants."""
        with open_installation(read_settings(self.environment("main"))) as (ledger, _, stripe):
            stripe.gateway()
            tenants = [tenant_name(number) for number in range(TENANTS)]
            with ledger.database.connect() as connection:
                known = [Tenant(each, each.title(), customer_of(each)) for each in tenants]
                import_tenants(connection, known, datetime.now(UTC))

    def start_dagster(self) -> None:
        """Code server and webserver, as ``fridge up`` starts them; runs can be asked for, and wait in the queue."""
        module = ["-m", "fridge_pipeline.definitions", "-d", str(REPOSITORY), "--location-name", "fridge_pipeline"]
        code_server = self._service("code-server", "dagster", "code-server", "start", *module)
        port = start_listening(self.services, code_server, free_port(ANY_PORT))
        webserver = self._service("webserver", "dagster-webserver", "-w", self._workspace(port))
        self.ui_url = f"http://{HOST}:{start_listening(self.services, webserver, free_port(ANY_PORT))}"

    def start_daemon(self) -> None:
        """From here on runs are started, and sensors and schedules work."""
        port = self.services.named("code-server").port or 0
        self.services.start(self._service("daemon", "dagster-daemon", "run", "-w", self._workspace(port)))

    def bill(self) -> None:
        """``fridge bill`` for all hours: as few runs as possible, one after another."""
        hours, before = self.landed.hours, os.times()
        command = [str(PROGRAMS / "fridge"), "bill", "--from", hours.first.key, "--to", hours.last.key]
        done = subprocess.run(command, env=self.environment("main"), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"fridge bill failed: {done.stdout[-1000:]} {done.stderr[-1000:]}")
        after = os.times()
        self.lost_cpu_seconds += sum(after[2:4]) - sum(before[2:4])

    def start_broker(self, program: str) -> None:
        """Redis in memory only: it lives no longer than the round."""
        self.broker_port = free_port(ANY_PORT, HOST)
        memory_only = ("--save", "", "--appendonly", "no", "--dir", str(self.world.home))
        command = [program, "--bind", HOST, "--port", str(self.broker_port), *memory_only]
        self._start_service("redis", command, self.environment("main"), self.broker_port)

    def start_worker(self, name: str) -> None:
        """A worker with one slot, as on a machine of its own."""
        options = ("-n", f"{name}@%h", "-Q", "dagster", "--concurrency", "1", "-O", "fair", "--loglevel", "INFO")
        command = [str(PROGRAMS / "celery"), "-A", "dagster_celery.app", "worker", *options]
        self._start_service(name, command, {**self.environment(name), "PYTHONPATH": str(CELERY)})

    def kill_worker(self, name: str) -> None:
        """SIGKILL for all of its processes at once, as when its machine goes."""
        process = self.services.named(name).process
        if process is None:
            raise RuntimeError(f"{name} was never started")
        self.lost_cpu_seconds += cpu_of_processes(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def cpu_seconds(self) -> float:
        """Processor seconds so far of Dagster, broker, workers and runs; not of PostgreSQL and the sandbox."""
        own = [each.pid for each in psutil.Process().children() if each.pid not in self._others()]
        return self.lost_cpu_seconds + sum(cpu_of_processes(pid) for pid in own)

    def _others(self) -> set[int]:
        """The processes that hold data and are ours only by birth."""
        return {
            each.pid
            for each in psutil.Process().children()
            if "postgres" in each.name() or "stripe_sandbox" in " ".join(each.cmdline())
        }

    def _workspace(self, port: int) -> str:
        return str(workspace_file(read_settings(self.environment("main")), "workspace", CodeAddress(port=port)))

    def _service(self, name: str, program: str, *arguments: str) -> Service:
        return Service(name, [str(PROGRAMS / program), *arguments], self.environment("main"), self._log(name))

    def _log(self, name: str) -> Path:
        logs = self.world.home / "logs"
        logs.mkdir(exist_ok=True)
        return logs / f"{name}.log"

    def _start_service(self, name: str, command: list[str], environment: dict[str, str], port: int = 0) -> None:
        service = Service(name, command, environment, self._log(name), port or None)
        self.services.start(service)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not (service.is_listening if port else " ready." in service.end_of_log()):
            if time.monotonic() > deadline or not service.is_running:
                raise RuntimeError(f"{name} did not start: {service.end_of_log()}")
            time.sleep(PAUSE_SECONDS)


@contextmanager
def cluster(home: Path, launcher: Launcher, slots: int, landing: Path, landed: Landed, redis: str) -> Iterator[Cluster]:
    """Starts everything and ends everything, whatever happens between."""
    home.mkdir(parents=True)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        world = stack.enter_context(World(home))
        dsn = stack.enter_context(world.database("template1"))  # Dagster's beside it is then the owner's too
        services = Services(home / "services.json")
        stack.callback(services.stop)
        made = Cluster(world, dsn, launcher, slots, landing, landed, services)
        if launcher == "celery":
            made.start_broker(redis)
        made.prepare()
        made.start_dagster()
        if launcher == "celery":
            for number in range(slots):
                made.start_worker(f"worker-{number + 1}")
        yield made
