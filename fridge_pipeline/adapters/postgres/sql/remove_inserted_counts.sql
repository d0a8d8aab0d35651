-- Usage is a function of stored rows: a tenant-hour that no longer has any has no usage.
delete from fridge.inserted_counts
where
    hour between %(first)s and %(last)s
    and not exists (
        select 1 from new_usage
        where
            new_usage.tenant_id = inserted_counts.tenant_id
            and new_usage.hour = inserted_counts.hour
    );
