copy pg_temp.imported_tenants (line, tenant_id, name, stripe_customer_id) from stdin;
