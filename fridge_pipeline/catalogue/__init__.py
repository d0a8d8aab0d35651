"""What is billed to whom: meters, tenants, their Stripe customers, the billing start. Not how it is stated."""
