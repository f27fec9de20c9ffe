# What was found and chosen, in one table.
string(REPLACE ";" ", " backends "${Kokkos_DEVICES}")
set(kernels "not found, and no op needs it")
if(KokkosKernels_FOUND)
  set(kernels ${KokkosKernels_VERSION})
endif()
set(nccl "not used")
if(NCCL_FOUND)
  set(nccl "${NCCL_VERSION} (${NCCL_LIBRARY})")
endif()
set(sanitizers none)
if(CHERI_SANITIZE)
  set(sanitizers ${CHERI_SANITIZE})
endif()
message(STATUS "cheri ${PROJECT_VERSION}")
foreach(row IN ITEMS
    "build type     | ${CMAKE_BUILD_TYPE}"
    "compiler       | ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} (${CMAKE_CXX_COMPILER})"
    "Kokkos         | ${Kokkos_VERSION}, ${backends}, ${Kokkos_ARCH} (${Kokkos_DIR})"
    "Kokkos Kernels | ${kernels}"
    "MPI            | ${MPI_C_VERSION} (${MPI_C_COMPILER})"
    "NCCL           | ${nccl}"
    "HDF5           | ${HDF5_VERSION}"
    "CHERI_TESTS    | ${CHERI_TESTS}"
    "CHERI_WERROR   | ${CHERI_WERROR}"
    "CHERI_SANITIZE | ${sanitizers}")
  message(STATUS "  ${row}")
endforeach()
