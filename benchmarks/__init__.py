"""``make bench``: how fast it is, each figure as a ratio to a named alternative in the same run.

``subjects`` say what is compared, ``candidates`` are the compared (each runs in a process of its own), ``measuring``
runs them in turns, ``world`` gives them a PostgreSQL with the installation's own settings, ``readings`` and
``deliveries`` the data, ``report`` the table, the record and the picture. docs/performance.md explains the rows.
"""
