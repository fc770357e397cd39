# SPDX-License-Identifier: MIT
# fish completion for lode: verbs, and the options that a verb's --help lists.
complete -c lode -n __fish_use_subcommand -f -a run -d 'find out what FILE is and do the right thing'
complete -c lode -n __fish_use_subcommand -f -a show -d 'what a loader will do with FILE'
complete -c lode -n __fish_use_subcommand -f -a check -d 'what is wrong in FILE'
complete -c lode -n __fish_use_subcommand -f -a exec -d 'replace this process by a program'
for verb in show check exec run
	complete -c lode -n "__fish_seen_subcommand_from $verb" -a "(lode $verb --help 2>/dev/null | string match -r -a -- '--[a-z][-a-z0-9]*')"
end
