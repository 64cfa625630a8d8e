# callboard_opus as a user C module for ports built with CMake (esp32, rp2).
if(NOT "$ENV{OPUS_DIR}" STREQUAL "")
    set(CALLBOARD_OPUS_TREE $ENV{OPUS_DIR})
else()
    set(CALLBOARD_OPUS_TREE ${CMAKE_CURRENT_LIST_DIR}/../../build/src/opus)
endif()
if(NOT EXISTS ${CALLBOARD_OPUS_TREE}/celt/celt.h)
    message(FATAL_ERROR "No libopus in ${CALLBOARD_OPUS_TREE}: run make native in the repository first, or set OPUS_DIR")
endif()

# A library of its own, because its configuration and its silenced warnings must not reach other sources.
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/sources.txt CALLBOARD_LIBOPUS_SOURCES)
list(TRANSFORM CALLBOARD_LIBOPUS_SOURCES PREPEND ${CALLBOARD_OPUS_TREE}/)
add_library(callboard_libopus STATIC ${CALLBOARD_LIBOPUS_SOURCES} ${CMAKE_CURRENT_LIST_DIR}/silk_copies.c)
target_compile_options(callboard_libopus PRIVATE
    -Os -w -ffunction-sections -fdata-sections -include ${CMAKE_CURRENT_LIST_DIR}/libopus_config.h
)
target_include_directories(callboard_libopus PRIVATE
    ${CMAKE_CURRENT_LIST_DIR}
    ${CALLBOARD_OPUS_TREE}/include
    ${CALLBOARD_OPUS_TREE}/celt
    ${CALLBOARD_OPUS_TREE}/silk
    ${CALLBOARD_OPUS_TREE}/silk/fixed
    ${CALLBOARD_OPUS_TREE}/src
)

add_library(usermod_callboard_opus INTERFACE)
target_sources(usermod_callboard_opus INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/usermod.c
    ${CMAKE_CURRENT_LIST_DIR}/encoder.c
    ${CMAKE_CURRENT_LIST_DIR}/decoder.c
    ${CMAKE_CURRENT_LIST_DIR}/packet.c
    ${CMAKE_CURRENT_LIST_DIR}/state.c
    ${CMAKE_CURRENT_LIST_DIR}/scratch.c
)
target_include_directories(usermod_callboard_opus INTERFACE ${CALLBOARD_OPUS_TREE}/include)
target_link_libraries(usermod_callboard_opus INTERFACE callboard_libopus)
target_link_libraries(usermod INTERFACE usermod_callboard_opus)
