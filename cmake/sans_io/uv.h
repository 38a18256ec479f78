#error "core libraries are sans-I/O: move what needs uv.h to the uv folder beside this one"
