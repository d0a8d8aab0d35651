"""What a pack is read from and may not be there yet: made only where it is missing."""

from __future__ import annotations

import psycopg

_SIGNOFFS = """
create table fridge.month_signoffs (
    signoff_id bigint generated always as identity, month date, action text, signed_by text, reason text,
    control_totals jsonb, signed_at timestamptz
);
create function fridge.month_is_closed(moment timestamptz) returns boolean language sql stable as $$
    select coalesce((
        select action = 'approve' from fridge.month_signoffs
        where month = date_trunc('month', moment at time zone 'UTC')::date order by signoff_id desc limit 1
    ), false)
$$;
"""

_RELEASES = """
create table fridge.releases (
    release_id bigint, tenant_id text, hour timestamptz, event_name text, value bigint, released_by text, reason text,
    released_at timestamptz
);
"""

_TIE_OUT = """
create view fridge.tie_out as
select tenant_id, meter, hour, usage_hourly.quantity as usage_quantity, stated.quantity as stated_quantity,
    stated.quantity::numeric as stripe_quantity, null::timestamptz as stripe_read_at, 'tied' as status
from fridge.usage_hourly full join (
    select tenant_id, event_name as meter, hour, sum(value)::bigint as quantity from fridge.meter_events
    where status = 'accepted' group by tenant_id, event_name, hour
) as stated using (tenant_id, meter, hour);
"""

_DIFFERENCES = """
create view fridge.tie_out_differences as
select tenant_id, meter, hour, 'usage' as step, false as is_explained from fridge.tie_out where false;
"""

_RESTATEMENTS = """
create view fridge.restatements as
select tenant_id, event_name as meter, hour, revision, identifier from fridge.meter_events where revision > 1;
"""

_GAPS = """
create view fridge.data_gaps as
select tenant_id, sensor_id, null::timestamptz as silent_from, null::timestamptz as silent_until
from fridge.sensors where false;
"""

_MADE_BY = {
    "month_signoffs": _SIGNOFFS,
    "releases": _RELEASES,
    "tie_out": _TIE_OUT,
    "tie_out_differences": _DIFFERENCES,
    "restatements": _RESTATEMENTS,
    "data_gaps": _GAPS,
}


def make_what_is_missing(connection: psycopg.Connection) -> None:
    """Makes what does not exist."""
    for name, text in _MADE_BY.items():
        if connection.execute("select to_regclass(%s)", [f"fridge.{name}"]).fetchone() == (None,):
            connection.execute(text)
