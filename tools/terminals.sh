#!/bin/sh
# Has terminals that draw pictures draw one of a conversation, and looks whether they did: kitty by its own protocol,
# mlterm by that of iTerm2 and by sixels, xterm by sixels. Each also shows the code of a link, which has to be read from
# the picture of its screen. What they showed is left in DIR.
# It needs bin/omega and bin/omegad (make build) and, of Debian, xvfb xdotool imagemagick kitty mlterm xterm.
set -eu
dir=${1:?usage: tools/terminals.sh DIR}
bin=$(cd "$(dirname "$0")/../bin" && pwd)
for p in Xvfb xdotool convert import kitty mlterm xterm; do
	command -v $p >/dev/null || { echo "$p is missing: apt-get install xvfb xdotool imagemagick kitty mlterm xterm"; exit 1; }
done
mkdir -p "$dir"
work=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null || true; wait; rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8 GNUPGHOME="$work/gnupg" LIBGL_ALWAYS_SOFTWARE=1
mkdir -m 700 "$GNUPGHOME"

# until runs a command until it succeeds, for a minute.
until_() {
	i=0
	while ! "$@"; do
		i=$((i + 1))
		[ $i -lt 120 ] || return 1
		sleep 0.5
	done
}

# A conversation with a picture that is magenta and nothing else.
"$bin/omegad" dev -n 1 --dir "$work/cloud" --json >"$work/ready" 2>"$work/log" &
pids=$!
until_ test -s "$work/ready"
server=$(sed 's/.*"client":"\([^"]*\)".*/\1/' "$work/ready")
begin() { "$bin/omega" --home "$work/$1" --json init --name "$1" --server "$server" --no-passphrase | sed 's/.*"fingerprint":"\([0-9A-F]*\)".*/\1/'; }
ann=$(begin ann) bob=$(begin bob)
"$bin/omega" --home "$work/ann" contact add "$bob" >/dev/null
"$bin/omega" --home "$work/bob" contact add "$ann" >/dev/null
convert -size 640x400 xc:'#ff00ff' "$work/magenta.png"
"$bin/omega" --home "$work/bob" file send --to "$ann" "$work/magenta.png" >/dev/null
"$bin/omega" --home "$work/ann" recv --timeout 30s >/dev/null

Xvfb -displayfd 3 -screen 0 1200x800x24 3>"$work/display" 2>/dev/null &
pids="$pids $!"
until_ test -s "$work/display"
DISPLAY=:$(cat "$work/display")
export DISPLAY

# magenta is how many hundredths of the screen have about that colour.
magenta() {
	import -window root "$work/shot.png"
	convert "$work/shot.png" -fuzz 25% -fill black +opaque '#ff00ff' -fill white -opaque '#ff00ff' -colorspace gray -format '%[fx:int(100*mean)]' info:
}
above() { [ "$(magenta)" -gt "$1" ]; }
below() { [ "$(magenta)" -lt "$1" ]; }
opened() { xdotool key Return; above 0; }

# scanned reports whether the code on the screen is one by which the other one adds ann.
scanned() {
	import -window root "$work/shot.png"
	"$bin/omega" --home "$work/bob" contact add --qr "$work/shot.png" 2>/dev/null | grep -q "$ann"
}

# look WAY TERMINAL…: the face in a terminal; its picture is opened and closed.
failed=0
look() {
	way=$1 name=$2-$1
	shift
	"$@" "$bin/omega" --home "$work/ann" tui --images "$way" >"$work/terminal" 2>&1 &
	terminal=$!
	pids="$pids $terminal"
	said="drawn, and gone when it was closed"
	if ! until_ opened; then
		said="no conversation"
	else
		xdotool key ctrl+Up o
		until_ above 15 || said="NOT drawn"
		cp "$work/shot.png" "$dir/$name.png"
		xdotool key q
		until_ below 15 || said="NOT gone when it was closed"
		cp "$work/shot.png" "$dir/$name-closed.png"
	fi
	[ "${said#drawn}" != "$said" ] || failed=1
	xdotool key ctrl+n Down Return
	if until_ scanned; then
		said="$said; its code can be scanned"
		cp "$work/shot.png" "$dir/$name-code.png"
	else
		said="$said; its code can NOT be scanned"
		failed=1
	fi
	echo "$name: $said"
	kill $terminal 2>/dev/null || true
	wait $terminal 2>/dev/null || true
}
look kitty kitty -o linux_display_server=x11 -o initial_window_width=1100 -o initial_window_height=700 -o remember_window_size=no
look iterm2 mlterm -E utf8 -g 100x30 -e
look sixel mlterm -E utf8 -g 100x30 -e
look sixel xterm -u8 -ti vt340 -fa monospace -fs 10 -geometry 140x40+0+0 -xrm 'XTerm*decTerminalID: vt340' -e
exit $failed
