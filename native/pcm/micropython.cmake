# callboard_pcm as a user C module for ports built with CMake (esp32, rp2).
add_library(usermod_callboard_pcm INTERFACE)
target_sources(usermod_callboard_pcm INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/usermod.c
    ${CMAKE_CURRENT_LIST_DIR}/pcm.c
    ${CMAKE_CURRENT_LIST_DIR}/g711.c
    ${CMAKE_CURRENT_LIST_DIR}/level.c
    ${CMAKE_CURRENT_LIST_DIR}/resample.c
    ${CMAKE_CURRENT_LIST_DIR}/tone.c
    ${CMAKE_CURRENT_LIST_DIR}/duck.c
    ${CMAKE_CURRENT_LIST_DIR}/stretch.c
    ${CMAKE_CURRENT_LIST_DIR}/noise.c
)
target_link_libraries(usermod INTERFACE usermod_callboard_pcm)
