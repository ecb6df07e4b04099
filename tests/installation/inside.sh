# In the installed Debian, in a network of its own: serves as deploy/README.md says, then as the compose file does.
set -euo pipefail
cd /srv/trial

fail() {
  echo "$1" >&2
  tail -n 20 /srv/trial/*.log >&2
  exit 1
}

# until_it SECONDS COMMAND…: tries until it succeeds.
until_it() {
  local left=$(($1 * 5)) && shift
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "never succeeded: $*"
    sleep 0.2
  done
}

ask() { curl -sS --fail-with-body --cacert /srv/trial/authority.crt "$@"; }

# Trusts what Caddy signs for localhost, as a browser trusts a public authority.
authority() {
  cp "$HOME"/.local/share/caddy/pki/authorities/local/root.crt /srv/trial/authority.crt &&
    cp /srv/trial/authority.crt /usr/local/share/ca-certificates/ &&
    update-ca-certificates
}

story() { ask https://localhost/feed.json | grep -q /sessions/morning/ && ask https://localhost/sessions/morning/; }

# hold_a_session KEY: makes one over HTTPS, starts and ends it, and waits for its story.
hold_a_session() {
  local api=https://localhost/api/v2/sessions
  send() { ask -o /dev/null -H "Authorization: Bearer $key" -H "Content-Type: application/json" "$@"; }
  local key=$1
  send "$api/create" -d '{"session_id": "morning", "title": "Morning", "instructor": "Sarah", "scheduled_start": "'"$(date -u +%FT%TZ)"'"}'
  send "$api/morning/events" -d '[
    {"type": "session.started", "data": {}},
    {"type": "participant.joined", "data": {"participant_id": "ada"}},
    {"type": "technique.changed", "data": {"technique": "Box Breathing", "duration": 300}},
    {"type": "session.ended", "data": {"duration": 900}}
  ]'
  until_it 60 story
}

key_in() { grep -A2 "administrator's key" "$1" | grep -oE '[A-Za-z0-9_-]{30,}' | head -n 1; }
end() { kill "$@" && wait "$@" || true; }

echo "== the units, as systemd rates them"
debian=$(. /etc/os-release && echo "$VERSION_ID")
stated=$(grep -oE "[0-9.]+ \(OK\) on Debian $debian" source/deploy/README.md | cut -d' ' -f1 || true)
for unit in source/deploy/*.service; do
  rated=$(systemd-analyze security --offline=true "$unit" | sed -nE 's/.*exposure level for [^:]*: ([0-9.]+).*/\1/p' || true)
  echo "$(basename "$unit"): $rated"
  [ -n "$rated" ] && [ "$rated" = "$stated" ] || fail "$unit is rated $rated, and deploy/README.md states '$stated' for Debian $debian"
done

echo "== one machine, as deploy/README.md says"
(
  set -a
  . /etc/halcytone/environment
  HALCYTONE_DATA=/var/lib/halcytone
  exec runuser -u halcytone -- /opt/halcytone/venv/bin/halcytone serve
) >server.log 2>&1 &
server=$!
sed 's/breathe.example/localhost/' source/deploy/Caddyfile >/etc/caddy/Caddyfile
caddy run --config /etc/caddy/Caddyfile >caddy.log 2>&1 &
caddy=$!
until_it 60 authority
until_it 60 ask https://localhost/readyz
hold_a_session "$(key_in server.log)"
echo "-- doctor"
bash /srv/trial/doctor.sh || fail "doctor finds what is to be mended"
echo "-- backup and restore"
runuser -u halcytone -- /opt/halcytone/venv/bin/halcytone backup --data /var/lib/halcytone /var/lib/halcytone/trial.tar.gz
runuser -u halcytone -- /opt/halcytone/venv/bin/halcytone restore --data /var/lib/halcytone/restored /var/lib/halcytone/trial.tar.gz
end "$server" "$caddy"

echo "== the three services of the compose file"
mv /opt/halcytone /opt/halcytone-by-hand
mv /opt/halcytone-of-the-image /opt/halcytone
# What the image of PostgreSQL does at its first start.
. /srv/trial/database.env
cluster=$(pg_lsclusters -h | cut -d' ' -f1)
echo "host all all 10.89.77.0/24 scram-sha-256" >>"/etc/postgresql/$cluster/main/pg_hba.conf"
pg_ctlcluster "$cluster" main start -o "-c listen_addresses=*"
runuser -u postgres -- psql -q -c "CREATE ROLE $POSTGRES_USER LOGIN PASSWORD '$POSTGRES_PASSWORD'" -c "CREATE DATABASE $POSTGRES_DB OWNER $POSTGRES_USER"
until_it 60 bash /srv/trial/database-check.sh
(
  . /srv/trial/server.env
  export HOME=/ # As a container has it for a user that no file of the image knows.
  exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all /opt/halcytone/bin/halcytone serve
) >server.log 2>&1 &
server=$!
(
  . /srv/trial/caddy.env
  exec caddy run --config /srv/trial/source/deploy/Caddyfile
) >caddy.log 2>&1 &
caddy=$!
until_it 60 bash /srv/trial/server-check.sh
until_it 60 ask https://localhost/readyz
hold_a_session "$(key_in server.log)"
rooms=$(PGPASSWORD=$POSTGRES_PASSWORD psql -qtA -h database -U "$POSTGRES_USER" "$POSTGRES_DB" -c "SELECT count(*) FROM rooms WHERE session_id = 'morning'")
[ "$rooms" = 1 ] || fail "the session is not in PostgreSQL"
end "$server" "$caddy"
pg_ctlcluster "$cluster" main stop
