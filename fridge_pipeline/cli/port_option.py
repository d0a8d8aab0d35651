"""``--port``: a number that a port can have."""

import click

#: 0 takes a free one.
PORT = click.IntRange(0, 65535)
