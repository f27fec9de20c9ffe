# BigWig::BigWig, from the header bigWig.h and the library BigWig, as Debian or as libBigWig's own CMake files install them. ZLIB was
# found before.
find_path(BigWig_INCLUDE_DIR bigWig.h PATH_SUFFIXES libbigwig)
find_library(BigWig_LIBRARY BigWig)
find_package(CURL QUIET)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BigWig REQUIRED_VARS BigWig_LIBRARY BigWig_INCLUDE_DIR)
if(BigWig_FOUND AND NOT TARGET BigWig::BigWig)
  add_library(BigWig::BigWig UNKNOWN IMPORTED)
  set_target_properties(BigWig::BigWig PROPERTIES IMPORTED_LOCATION "${BigWig_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${BigWig_INCLUDE_DIR}" INTERFACE_LINK_LIBRARIES ZLIB::ZLIB)
  if(NOT CURL_FOUND)   # then it was built without, and its header must not ask for curl's
    target_compile_definitions(BigWig::BigWig INTERFACE NOCURL)
  elseif(BigWig_LIBRARY MATCHES "\\.a$")
    target_link_libraries(BigWig::BigWig INTERFACE CURL::libcurl)
  else()
    target_include_directories(BigWig::BigWig INTERFACE ${CURL_INCLUDE_DIRS})
  endif()
endif()
