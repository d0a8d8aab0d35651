-- As files, not row by row through the log: a template may hold gigabytes.
create database {name} template {template} strategy file_copy; -- noqa: PRS
