-- Usage is a function of stored rows: a tenant-hour that no longer has any has no usage.
delete from fridge.inserted_counts
where
    hour between %(first)s and %(last)s
    and not exists (
        select 1 from new_inserted_counts
        where
            new_inserted_counts.tenant_id = inserted_counts.tenant_id
            and new_inserted_counts.hour = inserted_counts.hour
    );
