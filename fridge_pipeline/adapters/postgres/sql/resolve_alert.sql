update fridge.alerts
set resolved_at = %(now)s
where alert_key = %(alert_key)s and channel = %(channel)s and resolved_at is null;
