"""Stripe's endpoints of products, prices, subscriptions, invoices, credit notes, events and test clocks."""
