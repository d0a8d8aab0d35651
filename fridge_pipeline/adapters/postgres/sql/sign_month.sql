insert into fridge.month_signoffs (month, action, signed_by, reason, control_totals, signed_at)
values (%(month)s, %(action)s, %(signed_by)s, %(reason)s, %(control_totals)s, %(now)s);
