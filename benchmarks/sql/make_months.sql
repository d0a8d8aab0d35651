select fridge.ensure_month(month)
from generate_series(date_trunc('month', %(first)s), %(last)s, interval '1 month') as months (month);
