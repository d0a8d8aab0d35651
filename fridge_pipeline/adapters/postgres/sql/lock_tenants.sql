-- An import is judged by the tenants that there are; another one waits.
lock table fridge.tenants in share row exclusive mode;
