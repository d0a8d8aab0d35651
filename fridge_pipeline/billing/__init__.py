"""Usage becomes meter events in Stripe's books, once each. Owns the ledger; does not compare with Stripe's totals."""
