#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/worker/memory_file.h"
#include "worker/cache/cache_reads.h"

namespace daphnis::worker::test {

/// A cache folder without a disk. Its reads end at once or, where `is_cold`, when the test says.
class MemoryCache final : public CacheReads {
 public:
  /// Stores an answer. One that is read as a file must be longer than kOpenFileBodyBytesMax, unless
  /// `is_small` says that it is held in memory.
  std::shared_ptr<MemoryFile> store(const CarRequest& request, std::string body,
                                    std::vector<CachedBlock> blocks = {}, bool is_small = false) {
    CacheTrailerWriter writer;
    for (const CachedBlock& block : blocks) writer.add_block(block.cid, block.offset, block.size);
    writer.add_body(as_bytes(body));
    const std::vector<uint8_t> trailer = std::move(writer).finish(request);
    Stored stored{.body = body, .is_small = is_small};
    const Bytes end = Bytes(trailer).last(kCacheFooterBytes);
    stored.footer = *read_cache_footer(end, body.size() + trailer.size());
    body.append(as_text(trailer));
    stored.file = std::make_shared<MemoryFile>(std::move(body));
    return (files_[key_of(request)] = std::move(stored)).file;
  }
  void fail(const RequestKey& key, CacheLook::Outcome outcome) { files_[key] = {.fault = outcome}; }
  void remove(const RequestKey& key) { files_.erase(key); }

  void set_folder(const std::string& name, const std::string&) override { folder = name; }
  void set_denylist(std::shared_ptr<const DenyTable> table) override {
    denylist = std::move(table);
  }
  [[nodiscard]] When look_up(const RequestKey& key, std::span<const RequestKey>, CacheQueryId id,
                             CacheLook& out) override {
    looked_up.push_back(key);
    if (is_cold) {
      looks_waiting.emplace_back(id, key);
      return When::kLater;
    }
    out = look(key);
    return When::kNow;
  }
  [[nodiscard]] When read(const FileRef& file, uint64_t offset, size_t size, CacheQueryId id,
                          CacheRead& out) override {
    if (is_cold) {
      reads_waiting.push_back({id, file, offset, size, {}});
      return When::kLater;
    }
    out = bytes_of(file, offset, size);
    return When::kNow;
  }

  [[nodiscard]] When index_of(const CachedFile& file, CacheQueryId id, CacheRead& out) override {
    ++indexes_read;
    if (is_cold) {
      reads_waiting.push_back({id, file.file, file.footer.body_bytes, 0, file.footer});
      return When::kLater;
    }
    out = index_at(file.file, file.footer);
    return When::kNow;
  }
  [[nodiscard]] static CacheRead index_at(const FileRef& file, const CacheFooter& footer) {
    const CacheRead trailer =
        bytes_of(file, footer.body_bytes, static_cast<size_t>(footer.trailer_bytes()));
    if (trailer.outcome != CacheRead::Outcome::kDone) return trailer;
    Result<BlockIndex> index = BlockIndex::from_trailer(trailer.bytes.bytes(), footer);
    if (!index) return {.outcome = CacheRead::Outcome::kUnavailable};
    return {.outcome = CacheRead::Outcome::kDone,
            .index = std::make_shared<BlockIndex>(std::move(*index))};
  }

  [[nodiscard]] CacheLook look(const RequestKey& key) const {
    const auto found = files_.find(key);
    if (found == files_.end()) return {};
    const Stored& stored = found->second;
    if (stored.fault != CacheLook::Outcome::kFound) {
      return {.outcome = stored.fault, .detail = "as told"};
    }
    CacheLook out{.outcome = CacheLook::Outcome::kFound};
    out.file.footer = stored.footer;
    out.file.stored_s = stored_s;
    if (stored.is_small) {
      out.file.body = Slice::copy_of(as_bytes(stored.body));
    } else {
      // Each opening of a file has a reference of its own, as with a descriptor.
      out.file.file =
          FileRef(stored.file.get(), [keep = stored.file](const File*) mutable { keep.reset(); });
    }
    return out;
  }
  [[nodiscard]] static CacheRead bytes_of(const FileRef& file, uint64_t offset, size_t size) {
    const auto& memory = dynamic_cast<const MemoryFile&>(*file);
    const std::string_view bytes = memory.at(offset, size);
    if (bytes.size() < size) {
      return {.outcome = memory.error() == 0 ? CacheRead::Outcome::kCorrupt
                                             : CacheRead::Outcome::kUnreadable,
              .detail = "as told"};
    }
    return {.outcome = CacheRead::Outcome::kDone, .bytes = Slice::copy_of(as_bytes(bytes))};
  }

  struct Read {
    CacheQueryId id;
    FileRef file;
    uint64_t offset;
    size_t size;
    CacheFooter footer = {};  ///< The file's footer where its trailer is to be read.
    [[nodiscard]] CacheRead result() const {
      return footer.body_bytes > 0 ? index_at(file, footer) : bytes_of(file, offset, size);
    }
  };
  size_t indexes_read = 0;
  bool is_cold = false;
  int64_t stored_s = 1'700'000'000;
  std::string folder;
  std::shared_ptr<const DenyTable> denylist;
  std::vector<RequestKey> looked_up;
  std::vector<std::pair<CacheQueryId, RequestKey>> looks_waiting;
  std::vector<Read> reads_waiting;

 private:
  struct Stored {
    std::string body = {};
    bool is_small = false;
    CacheFooter footer = {};
    std::shared_ptr<MemoryFile> file = nullptr;
    CacheLook::Outcome fault = CacheLook::Outcome::kFound;
  };
  std::map<RequestKey, Stored> files_;
};

}  // namespace daphnis::worker::test
