"""Stored readings become quantities per tenant and hour. Does not know Stripe."""
