# cheri_room(NAME SOURCES ... [LINK ...] [PRIVATE ...]): one static library a room, cheri::NAME. LINK is what its public headers
# need, PRIVATE what only its sources do. Rooms link only to rooms on their left (design: base <- nn <- data <- parallel <- train).
function(cheri_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINK;PRIVATE" ${ARGN})
  add_library(cheri_${name} STATIC ${ROOM_SOURCES})
  add_library(cheri::${name} ALIAS cheri_${name})
  set_target_properties(cheri_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_include_directories(cheri_${name}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(cheri_${name} PUBLIC cxx_std_20)
  target_link_libraries(cheri_${name} PUBLIC ${ROOM_LINK} PRIVATE ${ROOM_PRIVATE})
  target_link_libraries(cheri_${name} PRIVATE $<BUILD_INTERFACE:cheri_flags>)
  set_property(GLOBAL APPEND PROPERTY CHERI_ROOMS cheri_${name})
endfunction()

# Flags of our own sources only: warnings, and the sanitizers where asked for.
add_library(cheri_flags INTERFACE)
if(Kokkos_ENABLE_CUDA)
  # nvcc's generated code trips the host compiler's warnings; and fmt 9 takes nvcc for one that has no constexpr.
  target_compile_options(cheri_flags INTERFACE -Wno-parentheses -Wno-restrict)
  target_compile_definitions(cheri_flags INTERFACE FMT_USE_CONSTEXPR=1)
else()
  # gcc 12 sees the undefined operands of its own AVX-512 intrinsics as uninitialised, and overlaps in std::string's operator+.
  target_compile_options(cheri_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-restrict>)
  if(CHERI_WERROR)
    target_compile_options(cheri_flags INTERFACE -Werror)
  endif()
endif()
if(CHERI_SANITIZE)
  target_compile_options(cheri_flags INTERFACE -fsanitize=${CHERI_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(cheri_flags INTERFACE -fsanitize=${CHERI_SANITIZE})
endif()
