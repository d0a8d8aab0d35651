-- Two runs of the same day: the second one replaces what the first has written.
select
    pg_advisory_xact_lock(
        hashtextextended(format('fridge.reconciliation %%s %%s', %(event_name)s::text, %(tenant_id)s::text), 0)
    );
