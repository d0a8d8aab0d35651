select fridge.grant_rights(%(marts)s);
