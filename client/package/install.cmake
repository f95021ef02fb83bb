# `cmake --install` installs both programs and the client library, with a CMake package
# (find_package(calipers), target calipers::client) and a pkg-config package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS calipers-server calipers RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Each library comes before the libraries that it uses.
set(calipers_installed_libraries
  calipers_client_library calipers_client_formats calipers_core_fold calipers_core_digest calipers_core_reduce
  calipers_core_args calipers_core_tensor calipers_health_proto calipers_service_proto calipers_proto)
install(TARGETS ${calipers_installed_libraries} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

# In a folder of their own, because a path such as core/ could belong to any project.
set(calipers_include_dir ${CMAKE_INSTALL_INCLUDEDIR}/calipers)
foreach(folder IN ITEMS core client/formats client/library)
  # core/qparams is not among the installed libraries, and sources alone include *-inl.h.
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/ DESTINATION ${calipers_include_dir}/${folder}
    FILES_MATCHING PATTERN "*.h" PATTERN qparams EXCLUDE PATTERN "*-inl.h" EXCLUDE)
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/gen/ DESTINATION ${calipers_include_dir}
  FILES_MATCHING PATTERN "*.pb.h")

set(calipers_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/calipers)
configure_package_config_file(${PROJECT_SOURCE_DIR}/client/package/calipersConfig.cmake.in
  ${PROJECT_BINARY_DIR}/calipersConfig.cmake INSTALL_DESTINATION ${calipers_cmake_dir}
  PATH_VARS CMAKE_INSTALL_LIBDIR calipers_include_dir)
# Before 1.0, another minor version may have another interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/calipersConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/calipersConfig.cmake
  ${PROJECT_BINARY_DIR}/calipersConfigVersion.cmake DESTINATION ${calipers_cmake_dir})

list(TRANSFORM calipers_installed_libraries PREPEND -l OUTPUT_VARIABLE calipers_pc_libraries)
list(JOIN calipers_pc_libraries " " calipers_pc_libraries)
file(RELATIVE_PATH calipers_pc_up /${CMAKE_INSTALL_LIBDIR} /)
configure_file(${PROJECT_SOURCE_DIR}/client/package/calipers.pc.in ${PROJECT_BINARY_DIR}/calipers.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/calipers.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
