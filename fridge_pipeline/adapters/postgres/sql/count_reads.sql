insert into fridge.stripe_reads (read_at, reads, purpose)
values (%(now)s, %(reads)s, %(purpose)s);
