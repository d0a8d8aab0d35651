-- Of earlier statements it is known only whether they were real or a rehearsal.

-- Where the usage of these books went from some time on: what a later setting says is no evidence of it.
create table fridge.stripe_uses (
    use_id bigint generated always as identity primary key,
    mode text not null,
    host text,
    account_id text,
    used_since timestamptz not null,
    constraint stripe_uses_mode check (mode in ('live', 'test', 'sandbox', 'rehearsal'))
);

create trigger stripe_uses_append_only before update or delete on fridge.stripe_uses
for each row execute function fridge.refuse_change();
create trigger stripe_uses_no_truncate before truncate on fridge.stripe_uses
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_uses from current_user;

comment on table fridge.stripe_uses is
'One row per change of where usage is sent: kind of key, host and Stripe account. Append only.';
comment on column fridge.stripe_uses.mode is
'live, test or sandbox, by the key; rehearsal for test or sandbox, of books of before this was recorded.';
comment on column fridge.stripe_uses.host is 'The host that was called; empty where it was not recorded.';
comment on column fridge.stripe_uses.account_id is 'As Stripe said; empty on the sandbox, or where Stripe did not say.';
comment on column fridge.stripe_uses.used_since is 'When usage was first sent there.';

insert into fridge.pipeline_rights (relation) values ('stripe_uses');

insert into fridge.stripe_uses (mode, used_since)
select
    case when is_live then 'live' else 'rehearsal' end as mode,
    '-infinity' as used_since
from fridge.stripe_books;
