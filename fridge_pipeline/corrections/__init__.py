"""What was wrong is taken out again, made good for, or ended: withdrawals, corrections of invoices, settlements."""
