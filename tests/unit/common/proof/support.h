#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/slice.h"
#include "common/ipld/cid.h"
#include "common/proof/producer.h"
#include "common/proof/verifier_fault.h"
#include "common/request/car_request.h"

namespace daphnis::test {

using ByteVector = std::vector<uint8_t>;

/// One entry of the fixtures' INDEX.json.
struct Fixture {
  std::string file;  ///< The CAR, or the one an expectation is about.
  bool is_expectation = false;
  std::string request_text;
  std::string verdict;
  std::optional<uint64_t> blocks = {};
  std::optional<uint64_t> ok_blocks = {};
  std::vector<std::string> cids = {};  ///< Expectations only.
  uint64_t size = 0;                   ///< The file's size in bytes; 0 for expectations.
  std::string sha256;                  ///< The file's digest in hex; empty for expectations.
};

[[nodiscard]] std::vector<Fixture> load_index();
[[nodiscard]] ByteVector load_fixture(const std::string& file);

/// The canonical request for "/ipfs/<cid>/<path>?format=car&…".
[[nodiscard]] CarRequest request_from(std::string_view text);

struct Section {
  Cid cid;
  ByteVector body;
};
/// The sections of a well-formed CARv1.
[[nodiscard]] std::vector<Section> sections_of(Bytes car);
[[nodiscard]] std::vector<std::string> cids_of(Bytes car);
/// A CARv1 of these sections, with their CIDs as given.
[[nodiscard]] ByteVector car_of(const Cid& root, const std::vector<Section>& sections);

/// Blocks in memory.
class MemorySource : public BlockSource {
 public:
  void add(const Cid& cid, ByteVector body);
  void add_all(const std::vector<Section>& sections);
  Read read(const Cid& cid, Slices& into) override;

  std::map<ByteVector, ByteVector> blocks;  ///< The key is codec and multihash.
};

/// The result of a run of a Verifier or a Producer.
struct Answer {
  bool complete = false;
  Error failure;
  bool content_fault = false;
  Fault fault = Fault::kStream;
  ByteVector bytes;
  uint64_t proven = 0;
  uint64_t surplus = 0;
};

/// Feeds `stream`, cut before each offset in `cuts` (ascending), then ends it.
[[nodiscard]] Answer verify(const CarRequest& request, StreamShape shape, Bytes stream,
                            const std::vector<size_t>& cuts = {}, const WalkBudget& budget = {});
/// Does the same with a verifier that has had no bytes yet; the answer has what that adds.
[[nodiscard]] Answer run(Verifier& verifier, Bytes stream, const std::vector<size_t>& cuts = {});
/// Does the same with `stream` in pieces of `piece` bytes.
[[nodiscard]] Answer verify_in_pieces(const CarRequest& request, StreamShape shape, Bytes stream,
                                      size_t piece);
[[nodiscard]] Answer produce(const CarRequest& request, BlockSource& source,
                             size_t chunk = 64 * 1024, const WalkBudget& budget = {},
                             Producer::OnRefusal on_refusal = Producer::OnRefusal::kFails);
/// Does the same with a producer that has put out nothing yet; a source that waits is asked again.
[[nodiscard]] Answer run(Producer& producer, BlockSource& source, size_t chunk = 64 * 1024);

[[nodiscard]] ByteVector to_vector(Bytes bytes);

}  // namespace daphnis::test
