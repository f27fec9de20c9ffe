# BigWig::BigWig, from the header bigWig.h and the library BigWig.
find_path(BigWig_INCLUDE_DIR bigWig.h)
find_library(BigWig_LIBRARY BigWig)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BigWig REQUIRED_VARS BigWig_LIBRARY BigWig_INCLUDE_DIR)
if(BigWig_FOUND AND NOT TARGET BigWig::BigWig)
  add_library(BigWig::BigWig UNKNOWN IMPORTED)
  set_target_properties(BigWig::BigWig PROPERTIES IMPORTED_LOCATION "${BigWig_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${BigWig_INCLUDE_DIR}")
endif()
