select
    alert_key,
    title,
    first_sent_at,
    last_sent_at,
    newest_at
from fridge.alerts
where channel = %(channel)s and resolved_at is null
order by alert_key;
