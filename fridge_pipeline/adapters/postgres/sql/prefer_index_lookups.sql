-- For this transaction only: the planner knows nothing of what was loaded just now, nor of a fresh temporary table, and
-- might read whole partitions.
select
    set_config('enable_seqscan', 'off', true) as seqscan,
    set_config('enable_bitmapscan', 'off', true) as bitmapscan,
    set_config('enable_hashjoin', 'off', true) as hashjoin,
    set_config('enable_mergejoin', 'off', true) as mergejoin;
