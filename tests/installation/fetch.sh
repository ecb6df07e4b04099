# In the empty Debian, with this machine's network: installs as deploy/README.md and the Containerfile say.
set -euo pipefail
. /etc/os-release
echo "$PRETTY_NAME, $(python3 --version)"

cd /srv/trial/source
echo "== the steps of deploy/README.md"
set -x
. /srv/trial/install.sh
set +x
install -D -m 0600 /srv/trial/environment /etc/halcytone/environment
install -d -o halcytone -g halcytone -m 0750 /var/lib/halcytone # as StateDirectory= of the unit does

echo "== the steps of the Containerfile"
# There the paths are the image's own; here the first installation makes way for them.
mv /opt/halcytone /opt/halcytone-by-hand
set -x
. /srv/trial/image.sh
set +x
mv /opt/halcytone /opt/halcytone-of-the-image
mv /opt/halcytone-by-hand /opt/halcytone
