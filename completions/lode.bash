# SPDX-License-Identifier: MIT
# bash completion for lode: verbs, the options that a verb's --help lists and their values, then files or commands.

# Words that the value of a verb's option may be.
_lode_values()
{
	case $1:$2 in
	*:--color) echo 'auto always never' ;;
	swap:--policy) echo 'lazy idle wait' ;;
	show:--for) echo 'process kernel' ;;
	check:--for | check:-f) echo 'linux-process pvh limine multiboot multiboot2 linux-kernel rust elf64 module any' ;;
	boot:--protocol) echo 'auto pvh linux elf64 multiboot multiboot2 limine rust' ;;
	boot:--engine) echo 'auto kvm qemu' ;;
	check:--explain) lode check --list 2>/dev/null | cut -d' ' -f1 ;;
	esac
}

# True if the option takes a value: then COMPREPLY has what it may be, each with the third word in front.
_lode_value()
{
	local option=$1 value=$2 front=$3
	[ "$verb:$option" != swap:-p ] || option=--policy
	[ "$verb" != boot ] || case $option in
	-p) option=--protocol ;;
	-e) option=--engine ;;
	-i | -d) option=--disk ;;
	-a | -m | -c) option=--append ;;
	esac
	case $option in
	--for | -f | --explain | --color | --protocol | --engine | --policy)
		[[ $option != --for && $option != -f || $value != *,* ]] || front+=${value%,*},
		mapfile -t COMPREPLY < <(compgen -P "$front" -W "$(_lode_values "$verb" "$option")" -- "${value##*,}") ;;
	--cwd | -C | -L) mapfile -t COMPREPLY < <(compgen -P "$front" -d -- "$value") ;;
	--svg | --output | -o | --initrd | --module | --disk | --screenshot | --dump-core | --index) mapfile -t COMPREPLY < <(compgen -P "$front" -f -- "$value") ;;
	--argv0 | --env | -e | -l | --entry | --fd | --stack-size | --page-size | --base) ;;
	--patience) ;;
	--gdb | --append | --memory | --cpus | --framebuffer | --verify | --time-limit) ;;
	*) return 1 ;;
	esac
}

_lode()
{
	local current=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]-} before=${COMP_WORDS[COMP_CWORD - 1]} options i
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'run boot show check exec link index swap help --help --version' -- "$current")
		return
	fi
	case $verb in
	help)
		mapfile -t COMPREPLY < <(compgen -W 'run boot show check exec link index swap help' -- "$current")
		return ;;
	run | exec)
		# Behind the program its own words follow; readline makes three words of --cwd=DIR.
		for ((i = 2; i < COMP_CWORD; i++)); do
			case ${COMP_WORDS[i]} in
			--argv0 | --env | -e | --cwd | -C | --fd | --stack-size)
				[ "${COMP_WORDS[i + 1]}" != = ] || ((i++))
				((i++))
				# KEY=VALUE is three words as well
				[ "${COMP_WORDS[i + 1]}" != = ] || ((i += 2)) ;;
			-*) ;;
			*)
				mapfile -t COMPREPLY < <(compgen -f -- "$current")
				return ;;
			esac
		done ;;
	show | check | boot | link | index | swap) ;;
	*) return ;;
	esac
	if [ "$before" = = ]; then
		_lode_value "${COMP_WORDS[COMP_CWORD - 2]}" "$current" '' && return
	else
		_lode_value "$before" "${current#=}" '' && return
	fi
	case $current in
	--*=*) _lode_value "${current%%=*}" "${current#*=}" "${current%%=*}=" ;;
	-*)
		options=$(lode "$verb" --help 2>/dev/null | grep -o -E -e '(^|[ ,])--?[a-zA-Z][-a-z0-9]*' | tr -d ' ,')
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current") ;;
	*)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		if [[ $verb == @(exec|run) && $current != */* ]]; then
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$current")
		fi ;;
	esac
}
complete -o filenames -F _lode lode
