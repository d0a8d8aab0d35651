"""Laws of meters, tenants and their customers: pure rules, no clock, no disk."""
