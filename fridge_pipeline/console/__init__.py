"""The pages of finance: read only, each a query of a mart, served by ``fridge console`` and ``fridge up``."""
