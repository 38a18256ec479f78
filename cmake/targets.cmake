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

# daphnis_folder(FOLDER [USES FOLDERS...] [PUBLIC LIBS...] [PRIVATE LIBS...]): all sources of FOLDER
# but main.cc, as the library daphnis_FOLDER, with _ for /. USES: the folders it may include from;
# what these may use it may use too. PUBLIC and PRIVATE: libraries from outside, of its headers and
# of its sources. Outside a uv folder all is sans-I/O: a poisoned uv.h stands first on the include
# path, so a stray include breaks the build.
function(daphnis_folder folder)
  cmake_parse_arguments(PARSE_ARGV 1 folder "" "" "USES;PUBLIC;PRIVATE")
  string(REPLACE "/" "_" name daphnis_${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(NOT sources)  # CMake refuses a library without sources
    set(sources ${PROJECT_SOURCE_DIR}/cmake/empty.cc)
  endif()
  add_library(${name} STATIC ${sources})
  if(NOT folder MATCHES "/uv(/|$)")
    target_include_directories(${name} BEFORE PRIVATE ${PROJECT_SOURCE_DIR}/cmake/sans_io)
  endif()
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${DAPHNIS_UNITY} UNITY_BUILD_BATCH_SIZE 0)
  list(TRANSFORM folder_USES REPLACE "/" "_")
  list(TRANSFORM folder_USES PREPEND daphnis_)
  target_link_libraries(${name} PUBLIC daphnis_flags ${folder_USES} ${folder_PUBLIC}
                                PRIVATE ${folder_PRIVATE})
endfunction()

# daphnis_test(LABEL NAME LIBS...): one Catch2 executable from all sources below ./NAME; each
# test case becomes a ctest test with LABEL. A case that says skip() (tests/fakes/skip.h) is "skipped".
# With sanitizers the executable is one test: a process of its own takes a third of a second to
# start then, which for all cases is most of the time that they take. PROCESSORS 2: each keeps a core
# busy, while tests/run reckons with two tests a core that mostly wait.
function(daphnis_test label name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${label}_${name} ${sources})
  target_link_libraries(${label}_${name} PRIVATE daphnis_flags daphnis_catch_main ${ARGN})
  if(DAPHNIS_SANITIZE)
    add_test(NAME ${label}.${name} COMMAND ${label}_${name} --durations yes --min-duration 5)
    set_tests_properties(${label}.${name} PROPERTIES LABELS ${label} TIMEOUT 300 PROCESSORS 2
                                                     SKIP_RETURN_CODE 77)
  else()
    catch_discover_tests(${label}_${name} TEST_PREFIX "${label}.${name}: "
                         PROPERTIES LABELS ${label} TIMEOUT 120 PROCESSORS 2 SKIP_RETURN_CODE 77)
  endif()
endfunction()
