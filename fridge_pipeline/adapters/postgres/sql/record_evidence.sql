-- The same pack made again is the same pack.
insert into fridge.evidence_packs (month, manifest_sha256, previous_sha256, made_at, made_by, run_id)
values (%(month)s, %(manifest_sha256)s, %(previous_sha256)s, %(now)s, %(made_by)s, %(run_id)s)
on conflict (manifest_sha256) do nothing;
