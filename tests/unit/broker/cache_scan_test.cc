#include "tests/unit/broker/cache_rig.h"

namespace daphnis::broker {

TEST_CASE("a scan fills the cache up to its limit", "[broker][cache]") {
  CacheRig rig(cache_config(10 * kMiB));
  FilesFound found;
  for (uint64_t n = 1; n <= 4; ++n) {
    found.entries.push_back({.key = key_for(n), .root = cid_number(n), .size = 3 * kMiB});
  }
  rig.folder(found);
  rig.folder(FilesFound{.entries = {}, .is_last = true});
  rig.run_folder();
  CHECK(rig.index().entries() == 3);
  CHECK(rig.index().charged_bytes() == 9 * kMiB);
}

TEST_CASE("a scan after the folder came back drops what is gone", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  rig.store(worker, 1, kMiB);
  rig.store(worker, 2, kMiB);
  rig.folder(FolderHealth{.is_up = false, .why = "it is gone"});
  rig.folder(FolderHealth{.is_up = true, .why = {}});
  rig.store(worker, 3, kMiB);
  rig.folder(FilesFound{.entries = {{.key = key_for(2), .root = cid_number(2), .size = kMiB}}});
  CHECK(rig.holds(1));
  rig.folder(FilesFound{.entries = {}, .is_last = true});
  CHECK_FALSE(rig.holds(1));
  CHECK(rig.holds(2));
  CHECK(rig.holds(3));
}

}  // namespace daphnis::broker
