# SPDX-License-Identifier: MIT
# find_package(LodeLive) -> lode_live_program(TARGET [STRIP]): units of the program can be replaced while it runs.
#
# The program is linked with relocations kept and its index is written beside it; with STRIP its symbols go then, and both are as small as
# without. Install the index with the program:
#	install(FILES $<TARGET_FILE:server>.lode DESTINATION bin)
cmake_minimum_required(VERSION 3.13)
find_program(LODE_COMMAND lode HINTS "${CMAKE_CURRENT_LIST_DIR}/../../../bin")
if(NOT LODE_COMMAND)
	set(LodeLive_FOUND FALSE)
	set(LodeLive_NOT_FOUND_MESSAGE "there is no command lode: set LODE_COMMAND")
endif()

function(lode_live_program target)
	cmake_parse_arguments(PARSE_ARGV 1 live "STRIP" "" "")
	if(live_UNPARSED_ARGUMENTS)
		message(FATAL_ERROR "lode_live_program: what is ${live_UNPARSED_ARGUMENTS}?")
	endif()
	get_target_property(kind ${target} TYPE)
	get_target_property(whole ${target} INTERPROCEDURAL_OPTIMIZATION)
	if(NOT kind STREQUAL EXECUTABLE)
		message(FATAL_ERROR "lode_live_program: ${target} is no program")
	endif()
	if(whole)
		message(FATAL_ERROR "lode_live_program: ${target} is optimised as a whole: no units are left that could be replaced")
	endif()
	target_link_options(${target} PRIVATE "LINKER:-q")
	add_custom_command(TARGET ${target} POST_BUILD COMMAND "${LODE_COMMAND}" index "$<TARGET_FILE:${target}>" VERBATIM)
	if(live_STRIP)
		add_custom_command(TARGET ${target} POST_BUILD COMMAND "${CMAKE_STRIP}" "$<TARGET_FILE:${target}>" VERBATIM)
	endif()
endfunction()
