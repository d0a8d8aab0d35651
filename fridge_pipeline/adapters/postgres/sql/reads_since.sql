select coalesce(sum(reads), 0)::bigint as reads
from fridge.stripe_reads
where read_at > %(since)s;
