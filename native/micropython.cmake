# Every module of this folder at once: cmake -DUSER_C_MODULES=<this repository>/native/micropython.cmake
file(GLOB CALLBOARD_MODULES ${CMAKE_CURRENT_LIST_DIR}/*/micropython.cmake)
foreach(CALLBOARD_MODULE ${CALLBOARD_MODULES})
    include(${CALLBOARD_MODULE})
endforeach()
