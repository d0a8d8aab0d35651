-- The newest pack of the latest earlier month that has one.
select
    to_char(evidence_packs.month, 'YYYY-MM') as month_key,
    evidence_packs.manifest_sha256
from fridge.evidence_packs
where evidence_packs.month < %(month)s
order by evidence_packs.month desc, evidence_packs.pack_id desc
limit 1;
