-- For this connection: a fresh partition has no statistics yet, and the planner would read all of it. Parallel workers
-- cost a small hour more to start than they read, and a large one is as quick without them.
select
    set_config('enable_seqscan', 'off', false) as seqscan,
    set_config('max_parallel_workers_per_gather', '0', false) as workers;
