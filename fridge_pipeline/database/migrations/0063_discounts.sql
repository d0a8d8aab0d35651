-- A correction was made at the full price although the customer's invoices have a discount.
-- Now it is read which lines and subscriptions have one. And in which currency a subscription is: usage that no invoice
-- has was reckoned in that of the price.
alter table fridge.invoice_line_snapshots add column is_discounted boolean not null default false;
alter table fridge.subscription_item_snapshots add column is_discounted boolean not null default false;
alter table fridge.subscription_item_snapshots add column currency text;

comment on column fridge.invoice_line_snapshots.amount is
'In minor units of the invoice''s currency, before discounts.';
comment on column fridge.invoice_line_snapshots.is_discounted is
'Whether a discount lowers the amount, or would lower more of it: then a correction at the price would be wrong.';
comment on column fridge.subscription_item_snapshots.is_discounted is
'Whether the item or its subscription had a discount.';
comment on column fridge.subscription_item_snapshots.currency is
'The subscription''s, which may be another than the price''s own; empty where it was not kept yet.';
