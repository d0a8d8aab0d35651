"""What was wrong is taken out again: withdrawals of landing files. Restating is billing's."""
