"""The outside world: PostgreSQL, the landing zone, Stripe. Adapters do not know one another."""
