-- Ids that are probably one, written in several ways: sensors of one tenant (or, without a tenant, tenants) that differ
-- only by case, leading zeros, a trailing .0 or exponent notation, or by blanks of before these were taken away. And ids
-- in a spreadsheet's exponent notation, however alone: their last digits are lost. Two of each, how many they are, and
-- how many such groups there are. It reads all sensors: about three seconds for a million.
with known_tenants as (
    select tenant_id
    from fridge.sensors
    group by tenant_id
    union
    select tenant_id from fridge.tenants
),

ids as (
    select
        tenant_id,
        sensor_id as id,
        btrim(sensor_id, %(blank)s) as stripped_id
    from fridge.sensors
    union all
    select
        null as tenant_id,
        tenant_id as id,
        btrim(tenant_id, %(blank)s) as stripped_id
    from known_tenants
),

plain_ids as (
    select
        tenant_id,
        id,
        case
            when stripped_id ~ '^[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?$' then trim_scale(stripped_id::numeric)::text
            else lower(ltrim(stripped_id, '0'))
        end as plain_id
    from ids
)

select
    tenant_id,
    min(id collate "C") as one,
    max(id collate "C") as another,
    count(*) as spellings,
    count(*) over () as total
from plain_ids
group by tenant_id, plain_id
having count(*) > 1 or bool_or(id like '%%E+%%' and id ~ '^[0-9]([.][0-9]+)?E[+][0-9]+$')
order by tenant_id nulls first, one
limit %(shown)s;
