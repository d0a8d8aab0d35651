select fridge.fill_books(%(tenants)s, %(first)s, %(dense_from)s, %(ends)s, %(step)s) as filled;
