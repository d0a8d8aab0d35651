"""The subjects: what is compared with what, one a module; each makes its rows with ``rows(bench)``."""
