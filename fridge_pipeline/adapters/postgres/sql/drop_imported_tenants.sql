drop table imported_tenants;
