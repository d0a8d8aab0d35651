select is_live from fridge.stripe_books;
