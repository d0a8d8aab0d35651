-- materialized: view
-- Whatever a person did or decided, and whatever the numbers depend on beside it. Rows of before people were recorded
-- have the label that was typed, and the time of the row.
select
    'month ' || signoff_id as act_id,
    coalesce(acted_at, signed_at) as acted_at,
    case action
        when 'prepare' then 'month prepared'
        when 'approve' then 'month closed'
        when 'reopen' then 'month reopened'
        else 'reopening asked for'
    end as act,
    to_char(month, 'YYYY-MM') as subject,
    null::text as tenant_id,
    null::timestamptz as hour,
    reason as detail,
    fridge.told_as(acted_by, signed_by) as acted_by,
    os_user,
    os_host
from fridge.month_signoffs

union all

select
    'release ' || release_id as act_id,
    coalesce(acted_at, released_at) as acted_at,
    'usage released' as act,
    coalesce(event_name, 'every meter') as subject,
    tenant_id,
    hour,
    concat(value, ': ', reason) as detail,
    fridge.told_as(acted_by, released_by) as acted_by,
    os_user,
    os_host
from fridge.releases

union all

select
    'withdrawal ' || withdrawals.file_id as act_id,
    coalesce(withdrawals.acted_at, withdrawals.withdrawn_at) as acted_at,
    'file withdrawn' as act,
    landing_files.path as subject,
    null as tenant_id,
    landing_files.landing_hour as hour,
    withdrawals.reason as detail,
    fridge.told_as(withdrawals.acted_by, withdrawals.withdrawn_by) as acted_by,
    withdrawals.os_user,
    withdrawals.os_host
from fridge.withdrawals
inner join fridge.landing_files on withdrawals.file_id = landing_files.file_id

union all

select
    'settlement ' || settlement_id as act_id,
    acted_at,
    'exception settled' as act,
    concat('exception ', exception_id, ' ', event_name) as subject,
    tenant_id,
    hour,
    concat_ws(' ', how, quantity, document, reason) as detail,
    acted_by,
    os_user,
    os_host
from fridge.settlement_decisions

union all

select
    'settlement approval ' || settlement_approvals.settlement_id as act_id,
    settlement_approvals.acted_at,
    'settlement approved' as act,
    'exception ' || decisions.exception_id as subject,
    decisions.tenant_id,
    decisions.hour,
    'settlement ' || decisions.settlement_id || ' of ' || decisions.acted_by as detail,
    settlement_approvals.acted_by,
    settlement_approvals.os_user,
    settlement_approvals.os_host
from fridge.settlement_approvals
inner join fridge.settlement_decisions as decisions
    on settlement_approvals.settlement_id = decisions.settlement_id

union all

select
    'proposal ' || proposal_id as act_id,
    acted_at,
    'correction proposed' as act,
    coalesce(invoice_id, stripe_customer_id) as subject,
    tenant_id,
    null as hour,
    concat(document_kind, ' of ', delta, ' ', event_name, ', ', amount, ' minor units of ', currency) as detail,
    acted_by,
    os_user,
    os_host
from fridge.correction_proposals

union all

select
    'approval ' || approvals.proposal_id as act_id,
    approvals.acted_at,
    'correction approved' as act,
    coalesce(proposals.invoice_id, proposals.stripe_customer_id) as subject,
    proposals.tenant_id,
    null as hour,
    'correction ' || proposals.proposal_id || ' of ' || proposals.acted_by as detail,
    approvals.acted_by,
    approvals.os_user,
    approvals.os_host
from fridge.correction_approvals as approvals
inner join fridge.correction_proposals as proposals on approvals.proposal_id = proposals.proposal_id

union all

select
    'decision ' || decision_id as act_id,
    acted_at,
    case subject when 'meters' then 'catalogue changed' else 'switch set' end as act,
    subject,
    null as tenant_id,
    null as hour,
    concat(setting, ': ', reason) as detail,
    acted_by,
    os_user,
    os_host
from fridge.decisions

union all

select
    'person ' || change_id as act_id,
    acted_at,
    case action when 'add' then 'role given' else 'role taken back' end as act,
    login as subject,
    null as tenant_id,
    null as hour,
    role as detail,
    acted_by,
    os_user,
    os_host
from fridge.people_changes

union all

select
    'tenant ' || change_id as act_id,
    acted_at,
    'tenant mapped' as act,
    coalesce(stripe_customer_id, 'no Stripe customer') as subject,
    tenant_id,
    null as hour,
    reason as detail,
    acted_by,
    os_user,
    os_host
from fridge.tenant_changes

union all

select
    'billing start ' || billing_start_id as act_id,
    coalesce(acted_at, set_at) as acted_at,
    'billing start set' as act,
    case
        when isfinite(bill_from) then to_char(bill_from at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
        else 'never'
    end as subject,
    null as tenant_id,
    null as hour,
    null as detail,
    acted_by,
    os_user,
    os_host
from fridge.billing_starts

union all

select
    'pack ' || pack_id as act_id,
    made_at as acted_at,
    'evidence pack made' as act,
    to_char(month, 'YYYY-MM') as subject,
    null as tenant_id,
    null as hour,
    'manifest ' || manifest_sha256 as detail,
    made_by as acted_by,
    null as os_user,
    null as os_host
from fridge.evidence_packs

union all

select
    'migration ' || number as act_id,
    applied_at as acted_at,
    'schema changed' as act,
    'migration ' || number as subject,
    null as tenant_id,
    null as hour,
    title as detail,
    null as acted_by,
    null as os_user,
    null as os_host
from fridge.schema_migrations

union all

select
    'restore ' || restore_id as act_id,
    noticed_at as acted_at,
    'books found at a place' as act,
    place as subject,
    null as tenant_id,
    null as hour,
    case
        when restore_id > min(restore_id) over () then 'another place: the books were restored or copied'
        else 'the first place'
    end as detail,
    null as acted_by,
    null as os_user,
    null as os_host
from fridge.restores

union all

select
    'use ' || use_id as act_id,
    used_since as acted_at,
    'usage goes to' as act,
    concat_ws(' ', upper(mode), host, account_id) as subject,
    null as tenant_id,
    null as hour,
    null as detail,
    null as acted_by,
    null as os_user,
    null as os_host
from fridge.stripe_uses

union all

(
    select distinct on (program_version, source_sha256)
        concat('code ', program_version, ' ', source_sha256) as act_id,
        started_at as acted_at,
        'code first used' as act,
        'fridge_pipeline ' || program_version as subject,
        null as tenant_id,
        null::timestamptz as hour,
        'source ' || source_sha256 as detail,
        acted_by,
        os_user,
        os_host
    from fridge.runs
    order by program_version asc, source_sha256 asc, started_at asc
)
