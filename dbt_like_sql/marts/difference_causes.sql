-- materialized: view
-- In the order in which they are looked for: of several causes of a difference the first one is named.
select
    cause,
    step,
    is_explained,
    meaning
from (
    values
    (
        'readings_missing', 'files', false,
        'Fewer readings are stored now than the landing files brought: some were removed behind the program''s back.'
    ),
    (
        'readings_added', 'files', false,
        'More readings are stored now than the landing files brought: some were added behind the program''s back.'
    ),
    ('not_counted_yet', 'usage', true, 'A landing file was loaded or withdrawn after the hour was counted.'),
    (
        'sensors_changed', 'usage', false,
        'The tenant''s readings of the hour were changed behind the program''s back, and with them its sensors.'
    ),
    (
        'usage_changed', 'usage', false,
        'The usage table says something else than the landing files and the stored readings: it was edited.'
    ),
    ('not_billed', 'ledger', true, 'Before the first hour that is billed: counted, and never stated.'),
    ('month_closed', 'ledger', true, 'The month is closed; the change waits until it is reopened.'),
    ('held_for_review', 'ledger', true, 'Far outside the tenant''s own history; a person has to release it.'),
    ('unmapped', 'ledger', true, 'The tenant has no Stripe customer; billed as soon as it has one.'),
    ('too_late', 'ledger', true, 'Older than the 35 days that Stripe accepts.'),
    ('refused', 'ledger', true, 'Stripe refused it; billed when the cause is gone.'),
    (
        'credit_due',
        'ledger',
        true,
        'Stripe has too much and it can no longer be cancelled; the customer gets a credit.'
    ),
    ('in_doubt', 'ledger', false, 'Nobody knows whether Stripe counted a statement; see the exception unexplained.'),
    ('in_flight', 'ledger', true, 'The statement is under way.'),
    (
        'receipt_missing', 'ledger', false,
        'The statement was sent over an hour ago and no answer is on record; the next run settles it.'
    ),
    ('not_due_yet', 'ledger', true, 'The hour has not been closed for long enough to be billed.'),
    ('not_stated', 'ledger', false, 'Nothing says why Stripe was not told; the next sweep states it.'),
    ('lagging', 'stripe', true, 'Stripe''s summaries lag behind; read again later.'),
    (
        'missing_in_stripe', 'stripe', false,
        'Stripe accepted the statement, and its own summary shows less: it was never counted.'
    ),
    (
        'excess_in_stripe',
        'stripe',
        false,
        'Stripe''s own summary shows more than was stated: something was counted twice.'
    )
) as causes (cause, step, is_explained, meaning)
