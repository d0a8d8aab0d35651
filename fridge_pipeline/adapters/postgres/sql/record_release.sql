insert into fridge.releases (tenant_id, hour, event_name, value, released_by, reason, released_at)
values (%(tenant_id)s, %(hour)s, %(event_name)s, %(value)s, %(released_by)s, %(reason)s, %(now)s);
