"""A limit to the memory that this process takes, for work on what strangers have made. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")


@contextmanager
def memory_bounded(more_bytes: int) -> Iterator[None]:
    """Lets the process take so much memory more than it has, and not a byte beyond: that raises ``MemoryError``.

    By the kernel, so whatever library takes it; where the kernel is not Linux there is no limit. RLIMIT_DATA counts all
    private writable memory since Linux 4.7: https://man7.org/linux/man-pages/man2/getrlimit.2.html
    """
    if not _STATUS.exists():
        yield
        return
    import resource  # noqa: PLC0415 # not on every system

    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _data_bytes() + more_bytes
    bounds = [each for each in (before, most, wanted) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def _data_bytes() -> int:
    """Private writable memory of this process now."""
    fields = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="ascii").splitlines())
    return int(fields["VmData"].split()[0]) * 1024
