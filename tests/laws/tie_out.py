"""A tie-out of usage and statements, for tests of what needs one and not of the tie-out itself."""

from __future__ import annotations

from tests.pipeline import Pipeline

TIE_OUT = """
create view fridge.tie_out as
with usage as (
    select tenant_id, hour, value,
        case measure when 'inserted_count' then 'temperature_readings' else measure end as meter
    from fridge.measured_usage
),
stated as (
    select tenant_id, hour, event_name as meter, sum(value) as value
    from fridge.meter_events where status = 'accepted' group by tenant_id, hour, event_name
)
select tenant_id, meter, hour, usage.value as usage_quantity, stated.value as stated_quantity,
    stated.value as stripe_quantity, coalesce(stated.value, 0) - coalesce(usage.value, 0) as amount,
    case when usage.value is distinct from stated.value then 'not_stated' end as cause,
    case
        when usage.value is not distinct from stated.value then 'tied'
        when exists (
            select 1 from fridge.exceptions
            where exceptions.tenant_id = coalesce(usage.tenant_id, stated.tenant_id)
                and exceptions.hour = coalesce(usage.hour, stated.hour) and closed_at is null
        ) then 'explained'
        else 'unexplained'
    end as status
from usage full join stated using (tenant_id, hour, meter)
"""


def make_tie_out(pipeline: Pipeline) -> None:
    """Makes the view where there is none."""
    with pipeline.database.connect() as connection:
        found = connection.execute("select to_regclass('fridge.tie_out')").fetchone()
        if found == (None,):
            connection.execute(TIE_OUT.encode())
