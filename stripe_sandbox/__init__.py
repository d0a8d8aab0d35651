"""The local Stripe sandbox: a stateful HTTP server that meters as strictly as Stripe does."""
