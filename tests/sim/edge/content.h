#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/proof/producer.h"
#include "common/request/car_request.h"

namespace daphnis::sim {

/// Blocks in memory. Equal for v0 and v1 twins.
class BlockStore final : public BlockSource {
 public:
  void add(const Cid& cid, const std::vector<uint8_t>& block);
  Read read(const Cid& cid, Slices& into) override;

  void add_all(const BlockStore& other) {
    blocks_.insert(other.blocks_.begin(), other.blocks_.end());
  }
  /// Takes the block in that place (of size()) out.
  void remove_nth(size_t n) { blocks_.erase(std::next(blocks_.begin(), static_cast<long>(n))); }
  [[nodiscard]] size_t size() const { return blocks_.size(); }

 private:
  std::map<std::vector<uint8_t>, std::vector<uint8_t>> blocks_;  ///< By codec and multihash.
};

/// One DAG with all of its blocks, and what may be asked of it.
struct Dag {
  Cid root;
  BlockStore blocks;
};

/// Something a client asks for, and the only right answer.
struct Wish {
  size_t dag = 0;      ///< In Content::dags.
  std::string target;  ///< As in a request line.
  bool exists = true;  ///< False: the path does not, which any holder proves.
  std::string answer;  ///< The producer's own output, byte for byte.
  RequestKey key{};    ///< Of its file in the cache.
  bool is_whole_dag = false;
};

/// What there is in the simulated world; the same in every run, made once.
struct Content {
  std::vector<Dag> dags;
  std::vector<Wish> wishes;

  [[nodiscard]] static const Content& instance();
};

/// The CAR that a request is answered with; complete is false where blocks are missing.
struct Produced {
  std::string bytes;
  bool is_complete = false;
  bool has_begun = false;  ///< A block went out.
};
[[nodiscard]] Produced produce(const CarRequest& request, BlockSource& source,
                               Producer::OnRefusal on_refusal = Producer::OnRefusal::kFails);

}  // namespace daphnis::sim
