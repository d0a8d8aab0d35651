"""The candidates: ours and the alternatives; each function runs in a process of its own, see ``measuring.child``.

What a candidate does before ``stopwatch.running()`` is not timed: imports, and reading ready-made rows into memory.
"""
