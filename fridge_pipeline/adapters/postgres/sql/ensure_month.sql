select fridge.ensure_month(%(moment)s);
