#!/bin/sh
# Makes the files of compose.yaml's secrets in a folder, with passwords of 192 random bits. What is there already stays.
#   sh deploy/create_secrets.sh deploy/secrets                        (PostgreSQL as compose.yaml names it)
#   sh deploy/create_secrets.sh /etc/fridge/secrets 127.0.0.1:5432    (a server elsewhere)
set -eu

folder="${1:?which folder}"
server="${2:-postgres:5432}"
mkdir -p "$folder"
# Only you may enter the folder. The files themselves are readable, because a container's user has another number.
chmod 0700 "$folder"
umask 0333

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# make NAME TEXT
make() {
    if [ -e "$folder/$1" ]; then
        echo "kept $folder/$1"
    else
        printf '%s\n' "$2" >"$folder/$1"
        echo "made $folder/$1"
    fi
}

make postgres_password "$(random)"
make owner_database_url "postgresql://fridge:$(cat "$folder/postgres_password")@$server/fridge"
make database_url "postgresql://fridge_app:$(random)@$server/fridge"
make finance_database_url "postgresql://fridge_finance_app:$(random)@$server/fridge"
make metrics_database_url "postgresql://fridge_metrics:$(random)@$server/fridge"

if [ ! -e "$folder/stripe_api_key" ]; then
    echo "still to be made by you: $folder/stripe_api_key, with a restricted key of Stripe (docs/security.md) in it"
fi
