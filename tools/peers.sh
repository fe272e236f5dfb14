#!/bin/sh
# Installs the servers that make bench-peers measures, without starting any:
#   tools/peers.sh install
# While packages are set up, a policy-rc.d that forbids every start stands in
# place; what stood there before comes back afterwards.
set -eu
[ "${1:-}" = install ] || {
	sed -n '2,3s/^# \{0,1\}//p' "$0"
	exit 2
}

packages='ejabberd prosody lua-sec mosquitto'
wanted=
for package in $packages; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || wanted="$wanted $package"
done
[ -n "$wanted" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "missing:$wanted (run this as root on Debian)" >&2
	exit 1
fi

policy=/usr/sbin/policy-rc.d
saved=
if [ -e "$policy" ]; then
	saved=$policy.before-omega-bench
	mv "$policy" "$saved"
fi
restore() {
	rm -f "$policy"
	[ -z "$saved" ] || mv "$saved" "$policy"
}
trap restore EXIT
trap 'exit 1' INT TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod +x "$policy"

apt-get -qq update
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $wanted </dev/null
