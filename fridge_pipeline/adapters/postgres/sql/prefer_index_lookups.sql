-- For this transaction only: the planner knows nothing of a fresh temporary table and might read whole partitions.
select
    set_config('enable_hashjoin', 'off', true) as hashjoin,
    set_config('enable_mergejoin', 'off', true) as mergejoin;
