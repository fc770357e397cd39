# SPDX-License-Identifier: MIT
# fish completion for lode: verbs, the options that a verb's --help lists, and their values.
complete -c lode -n __fish_use_subcommand -f -a run -d 'find out what FILE is and do the right thing'
complete -c lode -n __fish_use_subcommand -f -a boot -d 'boot a kernel file in a virtual machine'
complete -c lode -n __fish_use_subcommand -f -a show -d 'what a loader will do with FILE'
complete -c lode -n __fish_use_subcommand -f -a check -d 'what is wrong in FILE'
complete -c lode -n __fish_use_subcommand -f -a exec -d 'replace this process by a program'
complete -c lode -n __fish_use_subcommand -f -a link -d 'link object files in memory and run their main'
complete -c lode -n __fish_use_subcommand -f -a index -d 'write what is needed to replace code of PROG while it runs'
complete -c lode -n __fish_use_subcommand -f -a swap -d 'replace objects of a program that runs'
complete -c lode -n __fish_use_subcommand -f -a help -d 'options of a verb'
for verb in show check exec run boot link index swap
	complete -c lode -n "__fish_seen_subcommand_from $verb" -a "(lode $verb --help 2>/dev/null | string match -r -a -- '--[a-z][-a-z0-9]*')"
end
complete -c lode -n '__fish_seen_subcommand_from show check' -l color -x -a 'auto always never'
complete -c lode -n '__fish_seen_subcommand_from show' -l for -x -a 'process kernel'
complete -c lode -n '__fish_seen_subcommand_from show' -l svg -r
complete -c lode -n '__fish_seen_subcommand_from show' -l page-size -x
complete -c lode -n '__fish_seen_subcommand_from show' -l base -x
complete -c lode -n '__fish_seen_subcommand_from check' -s f -l for -x -a 'linux-process pvh limine multiboot multiboot2 linux-kernel rust elf64 module any'
complete -c lode -n '__fish_seen_subcommand_from check' -l explain -x -a "(lode check --list 2>/dev/null | string split -f 1 ' ')"
complete -c lode -n '__fish_seen_subcommand_from exec run' -a '(__fish_complete_command)'
complete -c lode -n '__fish_seen_subcommand_from swap' -a '(__fish_complete_pids)'
complete -c lode -n '__fish_seen_subcommand_from exec' -s C -l cwd -x -a '(__fish_complete_directories)'
complete -c lode -n '__fish_seen_subcommand_from exec' -s e -l env -x
complete -c lode -n '__fish_seen_subcommand_from link' -s e -l entry -x
complete -c lode -n '__fish_seen_subcommand_from link' -s l -x
complete -c lode -n '__fish_seen_subcommand_from link' -s L -x -a '(__fish_complete_directories)'
complete -c lode -n '__fish_seen_subcommand_from index' -s o -l output -r
complete -c lode -n '__fish_seen_subcommand_from help' -f -a 'run boot show check exec link index swap help'
complete -c lode -n '__fish_seen_subcommand_from swap' -s p -l policy -x -a 'lazy idle wait'
complete -c lode -n '__fish_seen_subcommand_from swap' -l patience -x
complete -c lode -n '__fish_seen_subcommand_from swap' -l index -r
for option in argv0 fd stack-size
	complete -c lode -n '__fish_seen_subcommand_from exec' -l $option -x
end
complete -c lode -n '__fish_seen_subcommand_from boot' -s p -l protocol -x -a 'auto pvh linux elf64 multiboot multiboot2 limine rust'
complete -c lode -n '__fish_seen_subcommand_from boot' -s e -l engine -x -a 'auto kvm qemu'
complete -c lode -n '__fish_seen_subcommand_from boot' -s i -l initrd -r
complete -c lode -n '__fish_seen_subcommand_from boot' -s d -l disk -r
complete -c lode -n '__fish_seen_subcommand_from boot' -l module -r
complete -c lode -n '__fish_seen_subcommand_from boot' -l screenshot -r
complete -c lode -n '__fish_seen_subcommand_from boot' -l dump-core -r
for option in gdb append memory cpus framebuffer verify time-limit
	complete -c lode -n '__fish_seen_subcommand_from boot' -l $option -x
end
