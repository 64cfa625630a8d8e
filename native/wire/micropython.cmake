# callboard_wire as a user C module for ports built with CMake (esp32, rp2).
add_library(usermod_callboard_wire INTERFACE)
target_sources(usermod_callboard_wire INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/usermod.c
    ${CMAKE_CURRENT_LIST_DIR}/rtp_tx.c
    ${CMAKE_CURRENT_LIST_DIR}/rtp_rx.c
    ${CMAKE_CURRENT_LIST_DIR}/websocket.c
    ${CMAKE_CURRENT_LIST_DIR}/h264.c
    ${CMAKE_CURRENT_LIST_DIR}/serial.c
)
target_link_libraries(usermod INTERFACE usermod_callboard_wire)
