# callboard_keystore as a user C module for ports built with CMake (esp32, rp2).
add_library(usermod_callboard_keystore INTERFACE)
target_sources(usermod_callboard_keystore INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/usermod.c
    ${CMAKE_CURRENT_LIST_DIR}/record.c
    ${CMAKE_CURRENT_LIST_DIR}/index.c
    ${CMAKE_CURRENT_LIST_DIR}/sectors.c
    ${CMAKE_CURRENT_LIST_DIR}/store.c
    ${CMAKE_CURRENT_LIST_DIR}/attach.c
    ${CMAKE_CURRENT_LIST_DIR}/seal.c
)
target_link_libraries(usermod INTERFACE usermod_callboard_keystore)
