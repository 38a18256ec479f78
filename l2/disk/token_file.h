#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace daphnis::l2 {

/// The file with this L2's token: its first line, without white space at its ends. The edge's
/// successors of the token take its place there. Blocking calls. Owned by `serve`.
class TokenFile {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  /// The token to show: what the file holds now, or a successor that could not be written, as long
  /// as the file has not changed since. Errors: kNotFound, kInvalid (no regular file), kMalformed
  /// (no token; the text says nothing of what is there), kSystem.
  [[nodiscard]] Result<std::string> read();
  /// Puts a token into the file, for nobody else to read (mode 0600): the file has the old one or
  /// the new one, whole. Where that fails, read() returns the token nevertheless. Errors: kSystem.
  [[nodiscard]] Result<void> keep(std::string_view token);
  /// True where a group or others may read the file.
  [[nodiscard]] bool is_open_to_others() const;

 private:
  std::string path_;
  std::string last_;    ///< What read() found in the file last.
  std::string unkept_;  ///< What could not be written; empty: nothing.
};

}  // namespace daphnis::l2
