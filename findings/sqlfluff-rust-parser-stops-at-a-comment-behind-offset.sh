#!/usr/bin/env bash
# sqlfluff's parser in Rust (the extra "rs") cannot parse a subquery that ends with OFFSET and a comment, where there is
# neither ORDER BY nor LIMIT before it; its parser in Python can. The comment may be sqlfluff's own: `offset 0 -- noqa: AM09`
# is how the rule against OFFSET without ORDER BY is answered.
#
# Seen with sqlfluff and sqlfluffrs 4.5.0 (2026-11-30, Linux x86-64, Python 3.11): "Found unparsable section: 'offset 0'".
# Nothing is asked for: the Rust parser is taken as soon as it is installed. OFFSET 0 tells PostgreSQL to plan a subquery by
# itself; LIMIT ALL OFFSET 0 says the same, and both parsers take it with a comment.
#
# Fails when both parsers agree.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"  # where no settings of sqlfluff's lie
query() { printf 'select a.b\nfrom (\n    select c.b\n    from c\n    %s\n) as a\n' "$1"; }
query "offset 0" > "$folder/plain.sql"
query "offset 0 -- said" > "$folder/comment.sql"
query "limit all offset 0 -- said" > "$folder/limit.sql"
python3 -m venv "$folder/env"
for parser in "sqlfluff" "sqlfluff[rs]"; do
    "$folder/env/bin/pip" install --quiet --disable-pip-version-check "$parser==4.5.0" 2> "$folder/pip.log" ||
        { cat "$folder/pip.log"; exit 1; }
    for file in plain comment limit; do
        found=$("$folder/env/bin/sqlfluff" lint --dialect postgres "$folder/$file.sql" | grep -c unparsable || true)
        echo "$parser, $file: $found"
    done
done | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN'
sqlfluff, plain: 0
sqlfluff, comment: 0
sqlfluff, limit: 0
sqlfluff[rs], plain: 0
sqlfluff[rs], comment: 1
sqlfluff[rs], limit: 0
SEEN
