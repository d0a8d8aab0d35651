"""PostgreSQL: connections, migrations, roles, SQL models, exceptions, the embedded server. No feature's own tables."""
