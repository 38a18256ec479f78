#pragma once

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/worker/memory_file.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {

/// Does a worker's file jobs, in memory and when the test says.
class MemoryDisk {
 public:
  /// Jobs that came and are not done yet.
  std::vector<FileJob> waiting;
  std::map<std::string, std::shared_ptr<MemoryFile>> files;
  int create_error = 0;
  int write_error = 0;
  size_t syncs = 0;

  /// Takes new jobs. False where no job waits then.
  bool take(Rig& rig) {
    for (FileJob& job : std::exchange(rig.jobs, {})) waiting.push_back(std::move(job));
    return !waiting.empty();
  }
  /// Does the waiting job number `at`.
  void do_one(Rig& rig, size_t at = 0) {
    FileJob job = std::move(waiting.at(at));
    waiting.erase(waiting.begin() + static_cast<ptrdiff_t>(at));
    FileJobDone done = result_of(job);
    job = {};
    rig.finish_job(std::move(done));
  }
  /// Does all jobs, and those that follow from them.
  void run(Rig& rig) {
    while (take(rig)) do_one(rig);
  }

 private:
  FileJobDone result_of(const FileJob& job) {
    FileJobDone done{.kind = job.kind, .owner = job.owner, .path = job.path, .offset = job.offset};
    switch (job.kind) {
      case FileJob::Kind::kCreate:
        done.error = files.contains(job.path) ? EEXIST : create_error;
        if (done.error != 0) break;
        files[job.path] = std::make_shared<MemoryFile>("");
        done.file = opened(job.path);
        done.error = write_error;
        if (done.error == 0) write(*files[job.path], job);
        break;
      case FileJob::Kind::kWrite:
        done.error = write_error;
        // The disk alone writes to files that all others only read.
        if (done.error == 0) {
          write(const_cast<MemoryFile&>(dynamic_cast<const MemoryFile&>(*job.file)), job);
        }
        break;
      case FileJob::Kind::kSync:
        ++syncs;
        break;
      case FileJob::Kind::kUnlink:
        files.erase(job.path);
        break;
      case FileJob::Kind::kOpen:
        done.error = files.contains(job.path) ? 0 : ENOENT;
        if (done.error == 0) done.file = opened(job.path);
        break;
    }
    return done;
  }
  /// Each opening of a file has a reference of its own, as with a descriptor.
  FileRef opened(const std::string& path) {
    const auto file = files.at(path);
    return {file.get(), [keep = file](const File*) mutable { keep.reset(); }};
  }
  static void write(MemoryFile& file, const FileJob& job) {
    uint64_t offset = job.offset;
    for (const Slice& slice : job.data) {
      file.write_at(offset, as_text(slice.bytes()));
      offset += slice.size;
    }
  }
};

}  // namespace daphnis::worker::test
