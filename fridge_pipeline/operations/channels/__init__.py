"""Where alerts go: a webhook, and mail."""
