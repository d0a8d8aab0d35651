-- Usage that is not what its files brought is not stated, and a person must see it.
alter table fridge.exceptions drop constraint exceptions_kind;
alter table fridge.exceptions add constraint exceptions_kind check (kind in (
    'unreadable_file', 'load_failed', 'unexpected_hour', 'too_late', 'unmapped', 'refused', 'unexplained',
    'credit_due', 'held_for_review', 'month_closed', 'contradiction'
));
