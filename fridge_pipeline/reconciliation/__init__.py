"""Usage, ledger and Stripe's own totals beside each other, by the day. Changes none of them."""
