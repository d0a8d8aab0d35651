"""Processes forked from one that has imported everything: a run begins in milliseconds, and shares its memory.

Dagster's code server starts a new interpreter for each run, which then imports for two seconds what the server has
imported already. The server itself has threads, so that nobody may fork from it. So both it and its runs are forked
from a process that has none of Python's and does nothing else; those of polars' and Arrow's allocators outlive no
fork. For the server this is a context of ``multiprocessing``, as far as Dagster uses one.
"""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import pickle
import queue
import selectors
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event as MultiprocessingEvent
from typing import NamedTuple

#: Bytes of what is to be run, process id, exit code: one number each.
NUMBER = struct.Struct("!q")

#: What a run gets beside the text of what to do: its end of the queue, of the event, and of its own ending.
ENDS = 3

#: The end of the server is looked for so often once it is near: a signal of its very beginning is not heard.
PAUSE_SECONDS = 1.0

#: Of a process of which nobody can say how it ended.
UNKNOWN_EXIT = 255


class Call(NamedTuple):
    """What a process is to do."""

    target: Callable[..., object]
    args: Sequence[object]
    environ: Mapping[str, str]


class OneWay:
    """A pipe between the server and a run: the server keeps the one end, and the run alone has the other, ``given``."""

    def __init__(self, kept: Connection, given: Connection) -> None:
        self._kept = kept
        self.given = given


class OneWayQueue(OneWay):
    """What a run says to the server, as far as Dagster uses a queue."""

    def __init__(self) -> None:
        super().__init__(*multiprocessing.Pipe(duplex=False))

    def get_nowait(self) -> object:
        """Raises ``queue.Empty`` while there is nothing, and when there will be nothing more."""
        with suppress(EOFError):
            if self._kept.poll():
                return self._kept.recv()
        raise queue.Empty


class OneWayEvent(OneWay):
    """What the server says to a run: that it is to end."""

    def __init__(self) -> None:
        super().__init__(*reversed(multiprocessing.Pipe(duplex=False)))

    def set(self) -> None:
        """Also when the run has ended meanwhile."""
        self._kept.close()

    def is_set(self) -> bool:
        """Whether it was told to end."""
        return self._kept.closed


class _ToldQueue:
    """The run's end of a ``OneWayQueue``."""

    def __init__(self, descriptor: int) -> None:
        self._writer = Connection(descriptor, readable=False)

    def put(self, said: object) -> None:
        self._writer.send(said)


def _told_event(descriptor: int) -> MultiprocessingEvent:
    """The run's end of a ``OneWayEvent``, of the class that Dagster asks for; set also by the end of the server."""
    event = multiprocessing.Event()

    def listen() -> None:
        os.read(descriptor, 1)
        event.set()

    threading.Thread(target=listen, daemon=True).start()
    return event


class ForkedProcess:
    """A run's process, as far as Dagster uses one."""

    def __init__(self, forks: Forks, target: Callable[..., object], args: Sequence[object]) -> None:
        self._forks = forks
        self._ways = [each for each in args if isinstance(each, OneWay)]  # a queue and an event, the last of them
        self._call = Call(target, [each for each in args if not isinstance(each, OneWay)], dict(os.environ))
        self._ended: int | None = None
        self._exitcode: int | None = None
        self.pid: int | None = None

    def start(self) -> None:
        """Has it forked. Raises ``OSError`` when nobody is there to fork."""
        self._ended, ended = os.pipe()
        try:
            self.pid = self._forks.fork(self._call, [*(way.given.fileno() for way in self._ways), ended])
        finally:
            os.close(ended)
        for way in self._ways:
            way.given.close()

    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self.exitcode is None

    @property
    def exitcode(self) -> int | None:
        """How it ended, as ``multiprocessing`` says it: the negative number of the signal that ended it."""
        if self._exitcode is None and self._ended is not None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._ended, selectors.EVENT_READ)
                if not selector.select(0):
                    return None
            said = os.read(self._ended, NUMBER.size)
            self._exitcode = NUMBER.unpack(said)[0] if len(said) == NUMBER.size else UNKNOWN_EXIT
            os.close(self._ended)
        return self._exitcode


class Forks:
    """The server's side: what Dagster takes for a context of ``multiprocessing``."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._one_at_a_time = threading.Lock()

    Queue = staticmethod(OneWayQueue)
    Event = staticmethod(OneWayEvent)

    def Process(self, target: Callable[..., object], args: Sequence[object]) -> ForkedProcess:  # noqa: N802 # theirs
        """A process that has not begun; the last two of its arguments are a queue and an event."""
        return ForkedProcess(self, target, args)

    def fork(self, call: Call, ends: list[int]) -> int:
        """The process id of a new process that does this."""
        text = pickle.dumps(call)
        with self._one_at_a_time:
            socket.send_fds(self._channel, [NUMBER.pack(len(text))], ends)
            self._channel.sendall(text)
            pid = int(NUMBER.unpack(_received(self._channel, NUMBER.size))[0])
        if pid < 0:
            raise OSError(-pid, f"no process for a run: {os.strerror(-pid)}")
        return pid


def fork_server(serve: Callable[[Forks], None]) -> int:
    """Forks a process that serves, and from then on whatever that one asks for, until it ends; returns its exit code.

    The process that calls it must have imported what they need, and have no thread. In the processes that are forked
    the call does not return.
    """
    ours, theirs = socket.socketpair()
    gc.collect()
    gc.freeze()  # what a collection does not touch stays shared
    sys.stdout.flush()
    sys.stderr.flush()
    server = os.fork()
    if server == 0:
        ours.close()
        serve(Forks(theirs))
        sys.exit(0)
    theirs.close()
    ended = _fork_until_end(ours, server)
    if isinstance(ended, int):
        return ended
    target, args = ended
    target(*args)
    sys.exit(0)


def _fork_until_end(channel: socket.socket, server: int) -> int | tuple[Callable[..., object], list[object]]:
    """The exit code of the server; in a process that was forked what it is to do."""
    awake, ring = socket.socketpair()
    for each in (awake, ring):
        each.settimeout(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends with the server, which ends in order
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(ring.fileno(), warn_on_full_buffer=False)
    told: dict[int, int] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(awake, selectors.EVENT_READ)
        selector.register(channel, selectors.EVENT_READ)
        is_asked = True
        while True:
            for key, _ in selector.select(None if is_asked else PAUSE_SECONDS):
                if key.fileobj is awake:
                    awake.recv(4096)
                    continue
                asked, ends = _asked(channel)
                if asked is None:  # the server's end is closed, so it is ending
                    selector.unregister(channel)
                    is_asked = False
                elif (pid := _forked()) == 0:
                    for other in (channel.detach(), awake.detach(), ring.detach(), ends.pop(), *told.values()):
                        os.close(other)
                    return _begin(asked, *ends)
                else:
                    _answer(channel, pid, ends, told)
            if (code := _reap(server, told)) is not None:
                return code


def _answer(channel: socket.socket, pid: int, ends: list[int], told: dict[int, int]) -> None:
    """Tells the server which process it got, or why none; keeps the end by which its ending is told."""
    if pid > 0:
        told[pid] = ends.pop()
    for end in ends:
        os.close(end)
    with suppress(BrokenPipeError):  # then it is ending
        channel.sendall(NUMBER.pack(pid))


def _forked() -> int:
    """``os.fork``, or the negative number of its error: no memory, too many processes."""
    try:
        return os.fork()
    except OSError as error:
        return -(error.errno or errno.EAGAIN)


def _reap(server: int, told: dict[int, int]) -> int | None:
    """Tells of each process that has ended how it did; returns the exit code of the server, once it has."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        exitcode = os.waitstatus_to_exitcode(status)
        if pid == server:
            code = exitcode
        elif (end := told.pop(pid, None)) is not None:
            with suppress(BrokenPipeError):  # nobody asks any more
                os.write(end, NUMBER.pack(exitcode))
            os.close(end)


def _asked(channel: socket.socket) -> tuple[bytes | None, list[int]]:
    """What is to be run, with the run's ends; ``None`` once the server is ending, also in the midst of a word."""
    head, ends, _, _ = socket.recv_fds(channel, NUMBER.size, ENDS)
    try:
        head += _received(channel, NUMBER.size - len(head))
        return _received(channel, NUMBER.unpack(head)[0]), list(ends)
    except EOFError:
        return None, list(ends)


def _received(channel: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(size - len(parts))
        if not part:
            raise EOFError("the process that forks, or the one that asks it to, has ended")
        parts += part
    return bytes(parts)


def _begin(asked: bytes, queue_end: int, event_end: int) -> tuple[Callable[..., object], list[object]]:
    """In the new process: as if it were a new interpreter."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    call: Call = pickle.loads(asked)  # noqa: S301 # from our own server
    os.environ.clear()
    os.environ.update(call.environ)
    return call.target, [*call.args, _ToldQueue(queue_end), _told_event(event_end)]
