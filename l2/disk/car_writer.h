#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/base/result.h"
#include "common/ipld/cid.h"
#include "common/ipld/cid_set.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// Writes a CARv1 of one root, each block once. A file is written under a hidden name and renamed
/// when the CAR is whole, so that a store that is being served never sees half of it; a file that
/// is not committed is removed. Standard output gets the bytes as they come. Owned by a pack.
class CarWriter {
 public:
  /// Errors: kSystem.
  [[nodiscard]] static Result<CarWriter> create(const std::string& path, const Cid& root,
                                                bool replaces);
  /// Errors: kInvalid (standard output is a terminal), kSystem.
  [[nodiscard]] static Result<CarWriter> on_standard_output(const Cid& root);
  CarWriter(CarWriter&& other) noexcept;
  CarWriter& operator=(CarWriter&&) = delete;
  ~CarWriter();

  /// False: the block has been written already.
  [[nodiscard]] bool wants(const Cid& cid) const { return !written_.contains(CidKey(cid)); }
  [[nodiscard]] Result<void> put(const Cid& cid, Bytes block);
  /// Gives the file its name; an older file of that name is replaced where create() was told so.
  /// The last call. Errors: kInvalid (a file of that name has been made meanwhile), kSystem.
  [[nodiscard]] Result<void> commit();

 private:
  CarWriter(File file, std::string temporary, std::string path, bool replaces)
      : file_(std::move(file)),
        temporary_(std::move(temporary)),
        path_(std::move(path)),
        replaces_(replaces) {}
  [[nodiscard]] Result<void> begin(const Cid& root);
  [[nodiscard]] Result<void> append(Bytes bytes);
  [[nodiscard]] Result<void> flush();

  File file_;
  std::string temporary_;  ///< Empty once committed or moved from, and for standard output.
  std::string path_;
  bool replaces_;
  std::vector<uint8_t> buffer_;
  absl::flat_hash_set<CidKey> written_;
};

/// The error for an output that is not to be replaced.
[[nodiscard]] std::unexpected<Error> output_exists(const std::string& path);

}  // namespace daphnis::l2
