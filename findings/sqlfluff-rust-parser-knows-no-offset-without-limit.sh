#!/usr/bin/env bash
# sqlfluff's parser in Rust (the extra "rs") refuses PostgreSQL's OFFSET without LIMIT behind a WHERE, which its parser in
# Python takes: the same version of the same linter with the same settings then finds the same file unparsable or clean.
#
# Seen with sqlfluff and sqlfluffrs 4.5.0 (2026-11-30, Linux x86-64, Python 3.11): "Found unparsable section: 'offset 0'".
# The Rust parser is taken as soon as it is installed, half of the time is all that should show. OFFSET 0 is how PostgreSQL
# is told to plan a subquery by itself; LIMIT ALL OFFSET 0 is the same, and both parsers take it.
#
# Fails when both parsers agree.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo 'select a.b from a where a.b = 1 offset 0' > "$folder/alone.sql"
echo 'select a.b from a where a.b = 1 limit all offset 0' > "$folder/with_limit.sql"
for parser in "sqlfluff" "sqlfluff[rs]"; do
    python3 -m venv --clear "$folder/env"
    "$folder/env/bin/pip" install --quiet --disable-pip-version-check "$parser==4.5.0" 2> "$folder/pip.log" ||
        { cat "$folder/pip.log"; exit 1; }
    for file in alone with_limit; do
        found=$("$folder/env/bin/sqlfluff" parse --dialect postgres "$folder/$file.sql" 2>&1 | grep -c 'unparsable:' || true)
        echo "$parser, $file: $found unparsable"
    done
done > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" <<'SEEN'
sqlfluff, alone: 0 unparsable
sqlfluff, with_limit: 0 unparsable
sqlfluff[rs], alone: 1 unparsable
sqlfluff[rs], with_limit: 0 unparsable
SEEN
