create temporary table imported_tenants (
    line integer,
    tenant_id text primary key,
    name text,
    stripe_customer_id text unique
);
