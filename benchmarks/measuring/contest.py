"""The contest: candidates in turns, each time in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.measuring.sample import Sample
from tests.own_environment import own_environment

REPOSITORY = Path(__file__).resolve().parents[2]

#: Runs one candidate for the n-th time.
Turn = Callable[[int], Sample]

#: Told of every sample: whose it is and which turn it was.
Listener = Callable[[str, int, Sample], None]


class CandidateFailedError(RuntimeError):
    """A candidate ended with an error; the text holds the end of what it said."""


def interleaved(turns: Mapping[str, Turn], repeats: int, listener: Listener) -> dict[str, list[Sample]]:
    """Everyone's samples, taken in turns: a machine that gets slower meanwhile gets slower for all."""
    samples: dict[str, list[Sample]] = {name: [] for name in turns}
    for number in range(repeats):
        for name, turn in turns.items():
            sample = turn(number)
            samples[name].append(sample)
            listener(name, number, sample)
    return samples


def run_candidate(
    act: str, arguments: Mapping[str, object], watched: Mapping[str, int], environment: Mapping[str, str]
) -> Sample:
    """One sample of the candidate ``module:function``. Raises ``CandidateFailedError``."""
    with tempfile.TemporaryDirectory(prefix="fridge-candidate-") as folder:
        answer, said = Path(folder) / "answer.json", Path(folder) / "said.txt"
        wish = json.dumps({"act": act, "arguments": arguments, "watched": watched, "answer": str(answer)})
        with said.open("wb") as output:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.measuring.child", wish],
                cwd=REPOSITORY,
                env={**own_environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        if done.returncode or not answer.exists():
            end = said.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise CandidateFailedError(f"{act} ended with exit code {done.returncode}: {end}")
        return Sample(**json.loads(answer.read_text(encoding="utf-8")))
