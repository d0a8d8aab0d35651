-- Which of Stripe's books these are stated to: what a rehearsal accepted must not count as billed for real.
create table fridge.stripe_books (
    is_the_only_row boolean primary key default true,
    is_live boolean not null,
    claimed_at timestamptz not null default now(),
    constraint stripe_books_one_row check (is_the_only_row)
);

create trigger stripe_books_append_only before update or delete on fridge.stripe_books
for each row execute function fridge.refuse_change();
create trigger stripe_books_no_truncate before truncate on fridge.stripe_books
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_books from current_user;

comment on table fridge.stripe_books is 'One row: whether these books are stated to Stripe for real or in rehearsal.';
comment on column fridge.stripe_books.is_live is
'True when a live key was used first; a sandbox or test key makes a rehearsal.';
