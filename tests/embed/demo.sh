#!/bin/sh
# SPDX-License-Identifier: MIT
# demo.sh SOURCE BUILD: the tour of `make demo` -> everything that it is to show was shown, and every comparison came out the same.
build=$(cd "$2" && pwd)
. "$(dirname "$0")/lib.sh"

try "the tour" "$source/tools/demo" "$build"
cp "$work/.log" "$work/tour"
shows() {
	grep -qF -- "$1" "$work/tour"
}
try "a picture" shows "r-x"
try "its edge" shows "┌────"
try "the picture for a browser" grep -q '<svg' "$build/demo.svg"
try "a kernel's fault" shows "pvh-missing"
try "a program's fault" shows "segment-past-end"
try "its remedy" shows "fix: "
for kind in "static: " "dynamic: " "a script of our own" "a script of the machine" "through a pipe"; do
	try "$kind" shows "$kind"
done
try "each step" shows "commit: "
if shows "(not shown: the kernel's package is not here"; then
	skip "a kernel in a virtual machine" "its package is not here and could not be fetched"
	try "twelve comparisons" shows "12 comparisons the same, 0 different"
else
	try "a kernel's message from init" shows "Hello from init: Linux"
	try "thirteen comparisons" shows "13 comparisons the same, 0 different"
fi
finish
