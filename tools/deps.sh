#!/bin/sh
# Makes sure that the programs which tests run are there. On a Debian machine
# that allows it they are installed; elsewhere each missing one is named and
# the tests that need it skip. With CI=true a missing program is a failure.
set -u

# program:package, one per line
needs='
gpg:gnupg
gpg-agent:gpg-agent
dirmngr:dirmngr
sq:sq
tmux:tmux
ip:iproute2
gcc:gcc
chromium:chromium
node:nodejs
npm:npm
'

PATH=$PATH:/usr/sbin:/sbin

missing() {
	for need in $needs; do
		command -v "${need%%:*}" >/dev/null 2>&1 || echo "${need#*:}"
	done
	# The race detector links against the C library.
	if [ ! -e /usr/include/stdlib.h ]; then echo libc6-dev; fi
	# Pages are in Chinese: their widths are measured, their pictures looked at.
	if [ ! -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ]; then echo fonts-noto-cjk; fi
	if [ ! -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf ]; then echo fonts-noto-color-emoji; fi
}

as_root=
if [ "$(id -u)" != 0 ]; then as_root='sudo -n'; fi

may_install() {
	command -v apt-get >/dev/null 2>&1 && { [ -z "$as_root" ] || sudo -n true >/dev/null 2>&1; }
}

packages=$(missing)
if [ -n "$packages" ] && may_install; then
	echo "installing" $packages
	log=$(mktemp)
	# shellcheck disable=SC2086 # both are lists of words
	{
		$as_root apt-get -qq update
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $packages
	} >"$log" 2>&1 </dev/null || tail -n 5 "$log"
	rm -f "$log"
	packages=$(missing)
fi

# The pages of the web face are built and tested, and the tests of all pages drive a
# browser, with packages of npm that lock files pin.
for folder in web/ui sim/site/browser; do
	folder=$(dirname "$0")/../$folder
	if command -v npm >/dev/null 2>&1 && ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.pinned"; then
		if (cd "$folder" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null); then
			cp "$folder/package-lock.json" "$folder/node_modules/.pinned"
		else
			packages="$packages npm:$(basename "$(cd "$folder" && pwd)")"
		fi
	fi
done

[ -n "$packages" ] || exit 0
echo "missing packages, tests that need them will skip:" $packages >&2
[ "${CI:-}" != true ]
