#include "broker/uv/folder_files.h"

#include <dirent.h>

#include <cerrno>
#include <memory>

namespace daphnis::broker {

int for_each_name(const std::string& folder, const std::function<void(const std::string&)>& visit) {
  struct Closer {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, Closer> dir(::opendir(folder.c_str()));
  if (!dir) return errno;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (!entry) return errno;
    const std::string name(entry->d_name);
    if (name != "." && name != "..") visit(name);
  }
}

}  // namespace daphnis::broker
