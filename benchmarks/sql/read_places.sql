-- What the pages are asked about.
select
    (
        select to_char(max(month_signoffs.month), 'YYYY-MM') from fridge.month_signoffs
    ) as month,
    (
        select max(usage.hour) - interval '3 days' from fridge.usage
    ) as hour,
    lines.invoice_id,
    lines.line_id
from fridge.invoice_lines as lines
order by lines.invoice_id desc, lines.line_id asc
limit 1;
