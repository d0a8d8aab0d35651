-- Evidence packs that were handed out: each names the manifest of the one before it, and the next finds it here.
create table fridge.evidence_packs (
    pack_id bigint generated always as identity primary key,
    month date not null,
    manifest_sha256 text not null,
    previous_sha256 text,
    made_at timestamptz not null,
    made_by text not null,
    run_id text,
    constraint evidence_packs_manifest unique (manifest_sha256),
    constraint evidence_packs_month check (extract(day from month) = 1),
    constraint evidence_packs_sha256 check (manifest_sha256 ~ '^[0-9a-f]{64}$' and previous_sha256 ~ '^[0-9a-f]{64}$')
);

create trigger evidence_packs_append_only before update or delete on fridge.evidence_packs
for each row execute function fridge.refuse_change();
create trigger evidence_packs_no_truncate before truncate on fridge.evidence_packs
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.evidence_packs from current_user;

-- How times and truth values stand in the CSV files of a pack: ISO 8601 in UTC, true and false.
create function fridge.csv_text(moment timestamptz) returns text
language sql stable as $$
    select replace(to_json(moment at time zone 'UTC') #>> array[]::text[] || 'Z', 'infinityZ', 'infinity');
$$;

create function fridge.csv_text(answer boolean) returns text
language sql immutable as $$
    select answer::text;
$$;

comment on table fridge.evidence_packs is
'One row per evidence pack of a closed month that was made; append only. Drafts are not in it.';
comment on column fridge.evidence_packs.month is 'First day of the UTC month.';
comment on column fridge.evidence_packs.manifest_sha256 is
'SHA-256 of its MANIFEST.sha256, and by that of everything in it.';
comment on column fridge.evidence_packs.previous_sha256 is
'The manifest of the pack it is chained to; empty in the first one.';
comment on column fridge.evidence_packs.made_by is 'Who made it, a login name or a program.';
comment on column fridge.evidence_packs.run_id is 'The Dagster run that made it; empty when it was made by command.';
