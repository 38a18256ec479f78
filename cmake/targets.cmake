# The kinds of targets this project has, so that each folder's CMakeLists.txt is a few lines.

add_library(daphnis_flags INTERFACE)
target_include_directories(daphnis_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(daphnis_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                               $<$<BOOL:${DAPHNIS_WERROR}>:-Werror>)
if(DAPHNIS_SANITIZE)
  # Not vptr: to look at an object it makes a pipe, and takes a process that is out of descriptors,
  # as some tests make one, for one whose objects are broken.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(DAPHNIS_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()

# daphnis_core_library(NAME): all sources of ./core. Sans-I/O: a poisoned uv.h stands first on the
# include path, so a stray include breaks the build.
function(daphnis_core_library name)
  file(GLOB sources CONFIGURE_DEPENDS core/*.cc)
  if(NOT sources)  # CMake refuses a library without sources
    set(sources ${PROJECT_SOURCE_DIR}/cmake/empty.cc)
  endif()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} BEFORE PRIVATE ${PROJECT_SOURCE_DIR}/cmake/sans_io)
  target_link_libraries(${name} PUBLIC daphnis_flags)
endfunction()

# daphnis_uv_library(NAME): all sources of ./uv, the thin libuv shell.
function(daphnis_uv_library name)
  file(GLOB sources CONFIGURE_DEPENDS uv/*.cc)
  if(NOT sources)  # CMake refuses a library without sources
    set(sources ${PROJECT_SOURCE_DIR}/cmake/empty.cc)
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC daphnis_flags PkgConfig::uv)
endfunction()

# daphnis_test(LABEL NAME LIBS...): one Catch2 executable from all sources of ./NAME; each test
# case becomes a ctest test with LABEL. A case that says skip() (tests/fakes/skip.h) is "skipped".
function(daphnis_test label name)
  file(GLOB sources CONFIGURE_DEPENDS ${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${label}_${name} ${sources})
  target_link_libraries(${label}_${name} PRIVATE daphnis_flags daphnis_catch_main ${ARGN})
  catch_discover_tests(${label}_${name} TEST_PREFIX "${label}.${name}: "
                       PROPERTIES LABELS ${label} TIMEOUT 120 SKIP_RETURN_CODE 77)
endfunction()
