-- One operator could settle with psql what an exception was not about: another meter's usage, a period of another
-- tenant's invoice, any money. What is settled was compared, and more or other than is owed takes two people.
-- And so much money, in minor units of whatever currency: a price may make one unit dear.
create function fridge.settled_money_alone_max() returns bigint
language sql immutable as $$
    select 100000::bigint;
$$;

create function fridge.settled_money(places jsonb) returns numeric
language sql immutable as $$
    select coalesce(sum(abs(periods.amount)), 0) from jsonb_to_recordset(places) as periods (amount bigint);
$$;

-- Whether periods that are to be settled were compared for this exception, each once; and whether they say to the unit
-- and the cent what is left of the comparison after its corrections. As invoices/rules/corrected.py reckons that.
create function fridge.judge_places(
    excepted fridge.exceptions, of_meter text, of_places jsonb, out are_compared boolean, out are_as_owed boolean
)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    with places as (
        select
            *,
            row_number() over (partition by customer_id, invoice_id, period_start, period_end) as nth
        from jsonb_to_recordset(of_places) as periods (
            customer_id text, invoice_id text, period_start timestamptz, period_end timestamptz, quantity numeric,
            amount bigint, currency text
        )
    ),

    billed as (
        select
            places.*,
            compared.event_name is not null and places.nth = 1 as is_compared,
            compared.currency as owed_currency,
            -(compared.difference + compared.settled_quantity + done.quantity) as owed_quantity,
            case when compared.difference = 0 then 0 else compared.amount end - done.amount as owed_amount,
            done.quantity_off,
            done.amount_off
        from places
        left join fridge.invoice_comparisons as compared
            on compared.stripe_customer_id = places.customer_id
            and compared.event_name = of_meter
            and compared.period_start = places.period_start
            and compared.period_end = places.period_end
            and compared.invoice_id is not distinct from places.invoice_id
            and compared.tenant_id is not distinct from excepted.tenant_id
            and date_trunc('hour', compared.period_start, 'UTC') = excepted.hour
            and excepted.subject in (of_meter, of_meter || ' ' || places.customer_id)
        cross join lateral (
            select
                coalesce(sum(quantity) filter (where not is_written_off), 0) as quantity,
                coalesce(sum(quantity) filter (where is_written_off), 0) as quantity_off,
                coalesce(sum(amount) filter (where not is_written_off), 0) as amount,
                coalesce(sum(amount) filter (where is_written_off), 0) as amount_off
            from fridge.made_good
            where made_good.stripe_customer_id = compared.stripe_customer_id
                and made_good.event_name = of_meter
                and made_good.period_start < compared.period_end
                and compared.period_start < made_good.period_end
                -- Of the comparison that it was made for, else of any of the same time.
                and (
                    (made_good.invoice_id, made_good.period_start)
                    is not distinct from (compared.invoice_id, compared.period_start)
                    or not exists (
                        select 1 from fridge.invoice_comparisons as same
                        where same.stripe_customer_id = made_good.stripe_customer_id
                            and same.event_name = of_meter
                            and (same.invoice_id, same.period_start)
                            is not distinct from (made_good.invoice_id, made_good.period_start)
                    )
                )
        ) as done
    ),

    -- What is written off makes good for as much as is missing, and never for more.
    owed as (
        select
            *,
            owed_quantity
            - least(greatest(owed_quantity, least(quantity_off, 0)), greatest(quantity_off, 0)) as quantity_left,
            owed_amount - least(greatest(owed_amount, least(amount_off, 0)), greatest(amount_off, 0)) as amount_left
        from billed
    )

    select
        coalesce(bool_and(is_compared), false),
        coalesce(
            bool_and(
                quantity is not distinct from quantity_left
                and case
                    when num_nonnulls(amount_left, owed_currency) = 2
                        then amount is not distinct from amount_left and currency is not distinct from owed_currency
                    else num_nonnulls(amount, currency) = 0
                end
            ),
            false
        )
    into are_compared, are_as_owed
    from owed;
end;
$$;
revoke execute on function fridge.judge_places(fridge.exceptions, text, jsonb) from public;

-- What an exception is about, and whether it may be ended so, and by one person.
create or replace function fridge.guard_settlement() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    settled fridge.exceptions;
    kinds fridge.exception_kinds;
    is_of_invoice boolean;
    is_as_owed boolean;
    judged record;
    alone record;
    size numeric;
begin
    select * into settled from fridge.exceptions where exception_id = new.exception_id;
    if settled.closed_at is not null then
        raise exception 'exception % is over since %: nothing of it is left to settle', new.exception_id,
            to_char(settled.closed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
            using errcode = 'restrict_violation';
    end if;
    select * into kinds from fridge.exception_kinds where kind = settled.kind;
    if new.proposal_id is not null then
        if not exists (
            select 1 from fridge.corrections
            where corrections.proposal_id = new.proposal_id
                and corrections.document = new.document
                and corrections.delta = new.quantity
                and corrections.event_name = new.event_name
                and corrections.tenant_id is not distinct from settled.tenant_id
                and date_trunc('hour', corrections.period_start, 'UTC') = settled.hour
                and settled.kind in ('not_invoiced', 'invoiced_too_much')
                and settled.subject in (new.event_name, new.event_name || ' ' || corrections.stripe_customer_id)
        ) then
            raise exception 'settlement of exception % refused: correction % has not written % for it',
                new.exception_id, new.proposal_id, new.document
                using errcode = 'restrict_violation';
        end if;
    elsif new.how <> all(kinds.ends) then
        raise exception 'an exception of the kind % is not settled as %', settled.kind, new.how
            using errcode = 'restrict_violation', hint = kinds.what_to_do;
    end if;
    is_of_invoice := settled.kind in ('not_invoiced', 'invoiced_too_much');
    if num_nonnulls(new.shares, new.places, new.proposal_id) > 1
        or (new.shares is not null and is_of_invoice)
        or (new.places is not null and not is_of_invoice)
        or (
            (new.shares is not null or (is_of_invoice and new.proposal_id is null))
            and new.quantity is distinct from (
                select sum(parts.quantity) from fridge.settled_parts(new.shares, new.places) as parts
            )
        )
    then
        raise exception 'settlement of exception % refused: its tenants or periods do not come to %',
            new.exception_id, new.quantity
            using errcode = 'restrict_violation';
    end if;
    if new.quantity is null and new.how in ('written_off', 'invoiced_by_hand', 'credited')
        and kinds.subject not in ('file', 'folder')
    then
        raise exception 'settlement of exception % refused: it is about usage, and no quantity is settled',
            new.exception_id
            using errcode = 'restrict_violation';
    end if;
    -- Also where it is about one statement of the meter.
    if not is_of_invoice and new.event_name <> settled.subject and not exists (
        select 1 from fridge.meter_events
        where identifier = replace(settled.subject, 'cancel:', '') and event_name = new.event_name
    ) then
        raise exception 'settlement of exception % refused: it is about %, not about %', new.exception_id,
            settled.subject, new.event_name
            using errcode = 'restrict_violation';
    end if;
    is_as_owed := settled.owed is null or new.quantity = settled.owed;
    if is_of_invoice and new.proposal_id is null then
        judged := fridge.judge_places(settled, new.event_name, new.places);
        if not judged.are_compared then
            raise exception
                'settlement of exception % refused: it is about % of %, and not each period was compared for it', new.exception_id, settled.subject, coalesce(settled.tenant_id, 'no tenant')
                using errcode = 'restrict_violation', hint = 'fridge settle settles what was compared.';
        end if;
        is_as_owed := judged.are_as_owed;
    end if;
    new.kind := settled.kind;
    new.tenant_id := settled.tenant_id;
    new.hour := settled.hour;
    new.takes_two := false;
    if new.quantity is not null and new.proposal_id is null then
        select
            coalesce(sum(fridge.settled_size(decisions.quantity, decisions.shares, decisions.places)), 0) as quantity,
            coalesce(sum(fridge.settled_money(decisions.places)), 0) as amount
        into alone
        from fridge.settlement_decisions as decisions
        where decisions.hour >= date_trunc('month', new.hour, 'UTC')
            and decisions.hour < date_trunc('month', new.hour, 'UTC') + interval '1 month'
            and decisions.event_name = new.event_name
            and decisions.acted_by = session_user
            and decisions.proposal_id is null
            and not decisions.takes_two;
        -- Of money alone, where the quantity is right, nobody decides alone; nor of anything else than is owed.
        size := fridge.settled_size(new.quantity, new.shares, new.places);
        new.takes_two := new.quantity = 0
            or not is_as_owed
            or alone.quantity + size > fridge.settled_alone_max()
            or alone.amount + fridge.settled_money(new.places) > fridge.settled_money_alone_max();
    end if;
    if new.takes_two then
        perform fridge.require_person(array['operator', 'approver'], 'settlement of ' || size);
    end if;
    return new;
end;
$$;
comment on column fridge.settlement_decisions.takes_two is
'Whether it takes a second person: more than one may settle alone, in units or money (settled_alone_max(),
settled_money_alone_max()), or something else than was owed.';
