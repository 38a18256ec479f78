# Every outside library, found once. docs/dependencies.md says what each is for.
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(simdjson REQUIRED)
find_package(absl REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(uv REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(libb2 REQUIRED IMPORTED_TARGET libb2)
pkg_check_modules(libisal REQUIRED IMPORTED_TARGET libisal)

# Debian ships llhttp as C sources. Strict mode: the default build accepts a space before the
# header colon and a missing CRLF after chunk data, both of which smuggle requests.
find_path(LLHTTP_SOURCES llhttp.c HINTS /usr/share/llhttp REQUIRED)
find_path(LLHTTP_INCLUDE llhttp.h HINTS /usr/share/include/llhttp REQUIRED)
add_library(llhttp STATIC ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c
                          ${LLHTTP_SOURCES}/llhttp.c)
target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE})
target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
