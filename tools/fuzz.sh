#!/bin/sh
# Runs every fuzz target for a while: tools/fuzz.sh 20s [FOLDER...]. Inputs that
# break something stay in the package's testdata/fuzz and belong in a commit.
set -u
time=${1:-20s}
[ $# -eq 0 ] || shift
failed=0
for file in $(grep -rl --include='*_test.go' '^func Fuzz' "${@:-.}" | sort); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "== $(dirname "$file") $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -parallel 2 "./$(dirname "$file")" || failed=1
	done
done
exit $failed
