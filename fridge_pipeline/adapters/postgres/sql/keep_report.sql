insert into fridge.stripe_error_reports (
    report_id, type, created_at, validation_start, validation_end, meter_id, event_name, error_count, collected_at
)
values (
    %(report_id)s, %(type)s, %(created_at)s, %(validation_start)s, %(validation_end)s, %(meter_id)s,
    %(event_name)s, %(error_count)s, %(now)s
)
on conflict do nothing;
