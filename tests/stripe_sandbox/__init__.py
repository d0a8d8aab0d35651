"""Laws of the local Stripe sandbox, shown over real HTTP with the real Stripe SDK."""
