# SPDX-License-Identifier: MIT
# Cases of a shell test -> one line for each failure and skip, and last the counts. Sourced, with SOURCE (the tree) as $1.
set -u
source=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0 skipped=0

# try NAME COMMAND...: a case that passes if the command succeeds
try() {
	case_=$1
	shift
	"$@" >"$work/.log" 2>&1
	got_=$?
	if [ $got_ -eq 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $case_: $* (status $got_)"
		{ grep -iE 'error|warning|FAIL|WRONG|DIFFERENT' "$work/.log"; tail -n 12 "$work/.log"; } | head -n 24 | sed 's/^/    /'
	fi
}

# refuse NAME STATUS TEXT COMMAND...: passes if the command ends with the status and says the text
refuse() {
	case_=$1 status_=$2 text_=$3
	shift 3
	"$@" >"$work/.log" 2>&1
	got_=$?
	if [ $got_ -eq "$status_" ] && grep -qF -- "$text_" "$work/.log"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $case_: $*: status $got_, not $status_, or not the words: $text_"
		{ grep -iE 'error|warning|FAIL|WRONG|DIFFERENT' "$work/.log"; tail -n 12 "$work/.log"; } | head -n 24 | sed 's/^/    /'
	fi
}

skip() {
	skipped=$((skipped + 1))
	echo "SKIP $1: $2"
}

# present TOOL...: appends to $found those that are here; the others are skipped
present() {
	for tool in "$@"; do
		if command -v "$tool" >/dev/null; then
			found="$found $tool"
		else
			skip "$tool" "not on this machine"
		fi
	done
}

finish() {
	if [ $skipped -gt 0 ]; then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	[ $failed -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
	exit $?
}
