# `cmake --install` makes a package that find_package(cheri) finds: the rooms as cheri::base ... cheri::train, all of them as cheri::cheri,
# and the program.
include(CMakePackageConfigHelpers)
get_property(rooms GLOBAL PROPERTY CHERI_ROOMS)
install(TARGETS ${rooms} EXPORT cheri ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET cheri)
  install(TARGETS cheri RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT cheri NAMESPACE cheri:: FILE cheriTargets.cmake DESTINATION ${CHERI_PACKAGE_FOLDER})
set(CHERI_HAS_NCCL ${NCCL_FOUND})
configure_package_config_file(cmake/cheriConfig.cmake.in cheriConfig.cmake INSTALL_DESTINATION ${CHERI_PACKAGE_FOLDER})
write_basic_package_version_file(cheriConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cheriConfig.cmake ${PROJECT_BINARY_DIR}/cheriConfigVersion.cmake
  cmake/FindBigWig.cmake cmake/FindNCCL.cmake cmake/cuda13.hpp DESTINATION ${CHERI_PACKAGE_FOLDER})
