"""Laws of what Stripe takes."""
