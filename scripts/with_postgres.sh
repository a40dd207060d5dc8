#!/usr/bin/env bash
# Runs a command beside a PostgreSQL server of its own, in a folder of its own, and removes both afterwards, whatever
# becomes of the command. CADENZA_TEST_POSTGRES is the server's address; server.crt in its folder is its certificate.
# With CADENZA_TEST_DURABLE=1 it keeps what it commits, as a real one does. A file `keep` in the server's folder leaves
# both there for whoever wants to look.
set -euo pipefail

fail() {
    printf 'postgres: %s\n' "$@" >&2
    exit 1
}

# Prints the folder of the newest server's programs, which Debian keeps out of PATH.
programs() {
    local found
    found=$(find /usr/lib/postgresql/*/bin -maxdepth 1 -name postgres 2>/dev/null | sort -V | tail -n 1)
    [[ -n $found ]] || found=$(command -v postgres) || fail 'there is no PostgreSQL server: run make setup'
    dirname "$found"
}

bin=$(programs)
folder=$(mktemp -d "${TMPDIR:-/tmp}/cadenza-postgres-XXXXXX")
as=()
if [[ $(id -u) == 0 ]]; then
    # The server refuses to run as root.
    id postgres >/dev/null 2>&1 || fail 'PostgreSQL does not run as root, and there is no user postgres'
    chown postgres "$folder"
    as=(setpriv --reuid=postgres --regid=postgres --init-groups --reset-env)
fi

stop() {
    if [[ -e $folder/keep ]]; then
        printf 'postgres: left running: %s\n' "${CADENZA_TEST_POSTGRES:-$folder}" >&2
        return
    fi
    "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate -s stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"${as[@]}" "$bin/initdb" -D "$folder/data" -U cadenza --auth=trust --encoding=UTF8 --locale=C --no-sync \
    >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; fail 'initdb failed'; }

# Only the owner is believed without a password; over TCP only with TLS.
"${as[@]}" tee "$folder/data/pg_hba.conf" >/dev/null <<'END'
local   all cadenza  trust
local   all all      scram-sha-256
hostssl all all      127.0.0.1/32 scram-sha-256
END

"${as[@]}" openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$folder/server.key" -out "$folder/server.crt" \
    2>/dev/null || fail 'openssl cannot make a certificate'
chmod 711 "$folder"

durable=off
[[ ${CADENZA_TEST_DURABLE:-} != 1 ]] || durable=on

start() {
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "${as[@]}" tee "$folder/data/postgresql.auto.conf" >/dev/null <<END
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
ssl = on
ssl_cert_file = '$folder/server.crt'
ssl_key_file = '$folder/server.key'
max_connections = 300
shared_buffers = 128MB
fsync = $durable
full_page_writes = $durable
autovacuum = $durable
log_statement = none
END
    "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -l "$folder/server.log" -s -w start >/dev/null || return 1
    export CADENZA_TEST_POSTGRES="postgresql://cadenza@/postgres?host=$folder&port=$port"
}

# The port is free when it is chosen; a second try is for what took it meanwhile.
start || start || { cat "$folder/server.log" >&2; fail 'the server does not start'; }

"$@"
