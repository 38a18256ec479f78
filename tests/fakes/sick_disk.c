/* Simulates a disk that fails or is slow, for programs started with this as LD_PRELOAD. The file that
 * DAPHNIS_SICK_DISK names says which files are affected, as long as it exists:
 *
 *     eio PART     reads of descriptors whose path contains PART fail with EIO
 *     slow PART    such reads take 2 s, and find none of the file in the page cache
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum sickness { HEALTHY, FAILING, SLOW };

static enum sickness of(int fd) {
  const char* control = getenv("DAPHNIS_SICK_DISK");
  char text[512], link[64], path[4096], mode[8], part[256];
  int file = control ? open(control, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return HEALTHY;
  long size = syscall(SYS_read, file, text, sizeof text - 1);
  close(file);
  if (size <= 0) return HEALTHY;
  text[size] = 0;
  if (sscanf(text, "%7s %255s", mode, part) != 2) return HEALTHY;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return HEALTHY;
  path[size] = 0;
  if (!strstr(path, part)) return HEALTHY;
  return strcmp(mode, "eio") == 0 ? FAILING : SLOW;
}

static ssize_t fail_with(int error) {
  errno = error;
  return -1;
}

ssize_t preadv2(int fd, const struct iovec* parts, int count, off_t offset, int flags) {
  enum sickness sickness = of(fd);
  if (sickness == FAILING) return fail_with(EIO);
  if (sickness == SLOW && (flags & RWF_NOWAIT)) return fail_with(EAGAIN);
  ssize_t (*real)(int, const struct iovec*, int, off_t, int) = dlsym(RTLD_NEXT, "preadv2");
  return real(fd, parts, count, offset, flags);
}

ssize_t preadv64v2(int fd, const struct iovec* parts, int count, off_t offset, int flags) {
  return preadv2(fd, parts, count, offset, flags);
}

ssize_t pread(int fd, void* into, size_t size, off_t offset) {
  enum sickness sickness = of(fd);
  if (sickness == FAILING) return fail_with(EIO);
  if (sickness == SLOW) sleep(2);
  return syscall(SYS_pread64, fd, into, size, offset);
}

ssize_t pread64(int fd, void* into, size_t size, off_t offset) {
  return pread(fd, into, size, offset);
}

ssize_t sendfile(int socket, int fd, off_t* offset, size_t size) {
  if (of(fd) == FAILING) return fail_with(EIO);
  return syscall(SYS_sendfile, socket, fd, offset, size);
}

ssize_t sendfile64(int socket, int fd, off_t* offset, size_t size) {
  return sendfile(socket, fd, offset, size);
}
