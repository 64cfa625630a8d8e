# User C modules of our own firmware: those of native/, and what only firmware can have; a part of Mbed TLS.
include(${CMAKE_CURRENT_LIST_DIR}/../../native/micropython.cmake)

add_library(usermod_callboard_line INTERFACE)
target_sources(usermod_callboard_line INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/callboard_line.c
    ${CMAKE_CURRENT_LIST_DIR}/sha1_block.c
    ${CMAKE_CURRENT_LIST_DIR}/callboard_stack.c
)
target_link_libraries(usermod INTERFACE usermod_callboard_line)

# The collector runs once a second in a call, and all sound waits for it.
set_source_files_properties(${MICROPY_PY_DIR}/gc.c PROPERTIES COMPILE_OPTIONS "-O2")
