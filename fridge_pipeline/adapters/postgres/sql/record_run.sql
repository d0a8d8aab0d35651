insert into fridge.runs (run_id, program_version, source_sha256, started_at)
values (%(run_id)s, %(program_version)s, %(source_sha256)s, %(now)s)
on conflict (run_id) do nothing;
