-- The rows of a select as CSV, in its order.
copy (
    select {columns}
    from ({select}) as selected
) to stdout with (format csv, header true, encoding 'utf8');
