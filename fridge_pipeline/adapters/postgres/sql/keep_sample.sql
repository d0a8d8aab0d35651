insert into fridge.stripe_error_samples (report_id, identifier, code, message)
values (%(report_id)s, %(identifier)s, %(code)s, %(message)s)
on conflict do nothing;
