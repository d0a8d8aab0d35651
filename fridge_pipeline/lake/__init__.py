"""The lake: usage, ledger, tie-out and invoices as Delta tables, for other tools; owns no number."""
