#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/proof/producer.h"
#include "common/request/car_request.h"

namespace daphnis::sim {

/// Blocks in memory. A block is found by its v0 and its v1 CID.
class BlockStore final : public BlockSource {
 public:
  void add(const Cid& cid, const std::vector<uint8_t>& block);
  Read read(const Cid& cid, Slices& into) override;

  void add_all(const BlockStore& other) {
    blocks_.insert(other.blocks_.begin(), other.blocks_.end());
  }
  /// Removes the block of that number, below size().
  void remove_nth(size_t n) { blocks_.erase(std::next(blocks_.begin(), static_cast<long>(n))); }
  [[nodiscard]] size_t size() const { return blocks_.size(); }

 private:
  std::map<std::vector<uint8_t>, std::vector<uint8_t>> blocks_;  ///< By codec and multihash.
};

/// One DAG with all of its blocks.
struct Dag {
  Cid root;
  BlockStore blocks;
};

/// A request of a client, and the only right answer to it.
struct Wish {
  size_t dag = 0;      ///< The index of its DAG in Content::dags.
  std::string target;  ///< The target of its request line.
  bool exists = true;  ///< False: the path does not exist, which any holder of the DAG proves.
  std::string answer;  ///< The producer's output, byte for byte.
  RequestKey key{};    ///< The key of its cached file.
  bool is_whole_dag = false;
};

/// All content of the simulated world; the same in every run, made once.
struct Content {
  std::vector<Dag> dags;
  std::vector<Wish> wishes;

  [[nodiscard]] static const Content& instance();
};

/// The CAR for a request, made from a store; not complete where blocks are missing, or where the
/// walk goes on otherwise behind the skipped ones.
struct Produced {
  std::string bytes;
  bool is_complete = false;
  bool has_begun = false;  ///< A block went out.
};
[[nodiscard]] Produced produce(const CarRequest& request, BlockSource& source,
                               Producer::OnRefusal on_refusal = Producer::OnRefusal::kFails,
                               Skip skip = {});

}  // namespace daphnis::sim
