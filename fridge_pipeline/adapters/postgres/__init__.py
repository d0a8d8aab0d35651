"""PostgreSQL: the schema, the stored readings, the usage tables and the ledger of meter events."""
