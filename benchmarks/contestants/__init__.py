"""The contestants: ours and the alternatives; each function runs in a process of its own, see ``measuring.child``.

What a contestant does before ``stopwatch.running()`` is not timed: imports, and reading ready-made rows into memory.
"""
