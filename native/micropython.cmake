# All native modules as user C modules: cmake ... -DUSER_C_MODULES=<this repository>/native/micropython.cmake
include(${CMAKE_CURRENT_LIST_DIR}/pcm/micropython.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/wire/micropython.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/keystore/micropython.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/opus/micropython.cmake)
