"""What happens by itself as time passes: periods end, drafts appear, invoices become final, test clocks advance."""
