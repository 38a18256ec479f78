#error "outside uv folders all is sans-I/O: move what needs uv.h to the uv folder of its program"
