"""Stored readings become quantities per tenant and hour. Knows no Stripe."""
