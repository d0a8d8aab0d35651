"""Invoices as Stripe shows them, and beside them what the ledger says. Writes nothing to Stripe, corrects nothing."""
