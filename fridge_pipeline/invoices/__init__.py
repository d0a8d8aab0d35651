"""Invoices as Stripe shows them, beside them what the ledger says; holds drafts if told to. Corrects nothing."""
