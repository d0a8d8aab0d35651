"""What was wrong is taken out again, and what stays open is ended: withdrawals, settlements. Restating is billing's."""
