#include "l2/disk/store_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace daphnis::l2 {

Result<StoreLock> StoreLock::take(const std::string& store) {
  File folder(open(store.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), store);
  if (folder.fd() < 0) return fail_sys(errno, "cannot open the store " + store);
  if (flock(folder.fd(), LOCK_EX | LOCK_NB) == 0) return StoreLock(std::move(folder));
  if (errno != EWOULDBLOCK) return fail_sys(errno, "cannot lock the store " + store);
  return fail(Errc::kInvalid, "another daphnis-l2 serves the store " + store +
                                  ": stop it, or give this one a folder of its own (one L2 can "
                                  "serve many edges: repeat --l1)");
}

}  // namespace daphnis::l2
