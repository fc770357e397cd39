# SPDX-License-Identifier: MIT
# bash completion for lode: verbs, the options that a verb's --help lists, then files or commands.
_lode()
{
	local current=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]-} options
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W 'run show check exec help --help --version' -- "$current"))
		return
	fi
	case $verb in
	help)
		COMPREPLY=($(compgen -W 'run show check exec' -- "$current"))
		return ;;
	run | exec)
		# Behind the program its own words follow.
		local i
		for ((i = 2; i < COMP_CWORD; i++)); do
			if [[ ${COMP_WORDS[i]} != -* ]]; then
				COMPREPLY=($(compgen -f -- "$current"))
				return
			fi
		done ;;
	show | check) ;;
	*) return ;;
	esac
	case $current in
	-*)
		options=$(lode "$verb" --help 2>/dev/null | grep -o -E -e '(^|[ ,])--?[a-zA-Z][-a-z0-9]*' | tr -d ' ,')
		COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
	*)
		COMPREPLY=($(compgen -f -- "$current"))
		if [ "$verb" = exec ] || [ "$verb" = run ]; then
			COMPREPLY+=($(compgen -c -- "$current"))
		fi ;;
	esac
}
complete -o filenames -F _lode lode
