-- Two counts of the same hours write one after the other, instead of waiting for each other's rows crosswise.
select pg_advisory_xact_lock(hashtextextended('fridge.usage', 0));
