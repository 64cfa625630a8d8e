# User C modules of our own firmware: those of native/, and what only firmware can have; a part of Mbed TLS.
include(${CMAKE_CURRENT_LIST_DIR}/../../native/micropython.cmake)

add_library(usermod_callboard_line INTERFACE)
target_sources(usermod_callboard_line INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/callboard_line.c
    ${CMAKE_CURRENT_LIST_DIR}/sha1_block.c
    ${CMAKE_CURRENT_LIST_DIR}/callboard_stack.c
)
target_link_libraries(usermod INTERFACE usermod_callboard_line)

# For speed instead of size: where most of a call's time goes (tests/support/rp2040/profile.py). The
# collector runs once a second then, and all sound waits for it.
set_source_files_properties(
    ${MICROPY_PY_DIR}/gc.c
    ${CALLBOARD_OPUS_TREE}/celt/pitch.c
    ${CALLBOARD_OPUS_TREE}/silk/LPC_analysis_filter.c
    ${CALLBOARD_OPUS_TREE}/silk/NSQ.c
    ${CALLBOARD_OPUS_TREE}/silk/fixed/burg_modified_FIX.c
    PROPERTIES COMPILE_OPTIONS "-O2"
)
