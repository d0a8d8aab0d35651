"""One verb a file: load, count, stage, push. Plain functions; no Dagster, no vendor SDK."""
