# HTSlib::HTSlib, from the header htslib/bgzf.h and the library hts.
find_path(HTSlib_INCLUDE_DIR htslib/bgzf.h)
find_library(HTSlib_LIBRARY hts)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(HTSlib REQUIRED_VARS HTSlib_LIBRARY HTSlib_INCLUDE_DIR)
if(HTSlib_FOUND AND NOT TARGET HTSlib::HTSlib)
  add_library(HTSlib::HTSlib UNKNOWN IMPORTED)
  set_target_properties(HTSlib::HTSlib PROPERTIES IMPORTED_LOCATION "${HTSlib_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${HTSlib_INCLUDE_DIR}")
endif()
