insert into fridge.stripe_books (is_live)
values (%(is_live)s)
on conflict do nothing;
