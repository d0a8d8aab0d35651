-- A settlement approved by its second person just while a correction of that usage was being approved was billed too.
create or replace function fridge.guard_settled_correction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    settled bigint;
begin
    select min(decisions.settlement_id) into settled
    from fridge.correction_proposals as proposals
    inner join fridge.settlement_decisions as decisions on proposals.event_name = decisions.event_name
    left join fridge.settlement_approvals as approvals on decisions.settlement_id = approvals.settlement_id
    cross join lateral jsonb_to_recordset(decisions.places) as places (
        customer_id text, period_start timestamptz, period_end timestamptz
    )
    where proposals.proposal_id = new.proposal_id
        and proposals.acted_at < greatest(decisions.acted_at, approvals.acted_at)
        and proposals.stripe_customer_id = places.customer_id
        and proposals.period_start < places.period_end
        and places.period_start < proposals.period_end;
    if settled is not null then
        raise exception 'approval of correction % refused: settlement % is of the same usage', new.proposal_id, settled
            using errcode = 'restrict_violation', hint = 'Propose what is left: fridge correct MONTH.';
    end if;
    return new;
end;
$$;

-- Drafts of meters that left the catalogue are held as well, and the metrics count drafts.
insert into fridge.metrics_reads (relation) values ('meter_turns'), ('sent_meters');
