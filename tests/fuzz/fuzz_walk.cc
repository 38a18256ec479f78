#include <algorithm>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/ipld/hashes.h"
#include "common/proof/producer.h"
#include "common/proof/verifier.h"

using namespace daphnis;

namespace {

using ByteVector = std::vector<uint8_t>;

WalkBudget small_budget() {
  return {.depth_max = 64,
          .pending_bytes_max = 64 * limits::kKiB,
          .seen_bytes_max = 64 * limits::kKiB,
          .output_bytes_max = 256 * limits::kKiB,
          .repeat_bytes_max = 64 * limits::kKiB};
}

/// Takes the fuzzer's bytes off the front, and zeros when they are used up.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  uint8_t byte() {
    if (rest_.empty()) return 0;
    const uint8_t byte = rest_[0];
    rest_ = rest_.subspan(1);
    return byte;
  }
  Bytes bytes(size_t size) {
    const Bytes taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  Bytes rest_;
};

void append_field(ByteVector& to, uint8_t field, Bytes value) {
  to.push_back(static_cast<uint8_t>(field << 3 | 2));
  std::array<uint8_t, kVarintBytesMax> length;
  const size_t size = write_varint(value.size(), length.data());
  to.insert(to.end(), length.begin(), length.begin() + static_cast<ptrdiff_t>(size));
  to.insert(to.end(), value.begin(), value.end());
}

/// A DAG of at most 32 nodes, each with links to earlier ones: dag-pb around whatever UnixFS
/// message the fuzzer gives, dag-cbor lists, raw leaves, and blocks of any codec that need not
/// decode.
class Dag : public BlockSource {
 public:
  explicit Dag(Input& input) {
    const size_t count = 1 + input.byte() % 32;
    for (size_t i = 0; i < count; ++i) add_node(input);
  }

  [[nodiscard]] const Cid& root() const { return cids_.back(); }

  Read read(const Cid& cid, Slices& into) override {
    for (size_t i = 0; i < cids_.size(); ++i) {
      if (!cids_[i].names_same_block(cid)) continue;
      into.push_back(Slice::copy_of(blocks_[i]));
      return Read::kOk;
    }
    return Read::kMissing;
  }

 private:
  void add_node(Input& input) {
    const uint8_t kind = input.byte();
    ByteVector block;
    uint64_t codec = codec::kRaw;
    switch (kind % 4) {
      case 0:
        append(block, input.bytes(input.byte() % 32));
        break;
      case 1:
        codec = codec::kDagPb;
        for (size_t n = input.byte() % 8; n > 0 && !cids_.empty(); --n) {
          const Cid& to = cids_[input.byte() % cids_.size()];
          ByteVector link;
          append_field(link, 1, to.bytes());
          append_field(link, 2, input.bytes(input.byte() % 4));
          append_field(block, 2, link);
        }
        append_field(block, 1, input.bytes(input.byte() % 64));
        break;
      case 2: {
        codec = codec::kDagCbor;
        const size_t n = cids_.empty() ? 0 : input.byte() % 8;
        block.push_back(static_cast<uint8_t>(0x80 | n));
        for (size_t i = 0; i < n; ++i) {
          const Bytes to = cids_[input.byte() % cids_.size()].bytes();
          append(block, ByteVector{0xd8, 42, 0x58, static_cast<uint8_t>(to.size() + 1), 0});
          append(block, to);
        }
        break;
      }
      default:
        codec = std::array{codec::kDagPb, codec::kDagCbor, codec::kDagJson,
                           uint64_t{0x51}}[input.byte() % 4];
        append(block, input.bytes(input.byte()));
    }
    const bool inlines = kind >= 192 && block.size() <= limits::kDigestBytesMax;
    Hasher hasher;
    const Result<Cid> cid =
        hasher.cid_of(codec, inlines ? hash::kIdentity : hash::kSha2_256, block);
    check(cid.has_value(), "a block without a CID");
    cids_.push_back(*cid);
    blocks_.push_back(std::move(block));
  }

  static void append(ByteVector& to, Bytes bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
  }

  std::vector<Cid> cids_;
  std::vector<ByteVector> blocks_;
};

CarRequest request_from(Input& input) {
  CarRequest request;
  const uint8_t flags = input.byte();
  request.scope = static_cast<DagScope>(flags % 3);
  request.dups = (flags & 4) != 0;
  for (size_t n = flags >> 6; n > 0; --n) {
    const Bytes segment = input.bytes(1 + input.byte() % 3);
    if (!segment.empty()) request.path.emplace_back(as_text(segment));
  }
  if (request.scope == DagScope::kEntity && (flags & 8) != 0) {
    request.bytes = ByteRange{static_cast<int8_t>(input.byte()), {}};
    if ((flags & 16) != 0) request.bytes->to = static_cast<int8_t>(input.byte());
  }
  return request;
}

struct Outcome {
  bool complete = false;
  ByteVector bytes = {};
};

Outcome produce(const CarRequest& request, BlockSource& source,
                Producer::OnRefusal on_refusal = Producer::OnRefusal::kFails) {
  Producer producer(request, small_budget(), on_refusal);
  Slices out;
  while (producer.state() == Producer::State::kMore) (void)producer.produce(source, 1000, out);
  return {producer.state() == Producer::State::kComplete, joined(out)};
}

Outcome verify(const CarRequest& request, StreamShape shape, Bytes stream, size_t cut) {
  Verifier verifier(request, shape, small_budget());
  Slices out;
  const auto drain = [&] {
    while (verifier.has_more_output()) (void)verifier.resume(out);
  };
  cut = std::min(cut, stream.size());
  (void)verifier.on_bytes(Slice::copy_of(stream.first(cut)), out);
  drain();
  (void)verifier.on_bytes(Slice::copy_of(stream.subspan(cut)), out);
  drain();
  (void)verifier.on_end(out);
  drain();
  check(verifier.state() != Verifier::State::kMore, "a stream without a verdict");
  check(verifier.output_bytes() == total_size(out), "output was counted wrong");
  return {verifier.state() == Verifier::State::kComplete, joined(out)};
}

bool begins_with(const ByteVector& whole, const ByteVector& part) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

}  // namespace

// The input makes a request, a DAG and a flaw for its stream.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const size_t cut = input.byte() * 4U;
  const uint8_t flaw = input.byte();
  const size_t flaw_at = input.byte() * 8U + flaw % 8;
  CarRequest request = request_from(input);
  Dag dag(input);
  request.root = dag.root();

  const Outcome made = produce(request, dag);
  const Outcome exact = verify(request, StreamShape::kExact, made.bytes, cut);
  check(exact.complete == made.complete, "producer and verifier disagree");
  check(!made.complete || exact.bytes == made.bytes, "producer and verifier differ");

  const Outcome proof = produce(request, dag, Producer::OnRefusal::kProves);
  const Outcome proven = verify(request, StreamShape::kExact, proof.bytes, cut);
  check(proven.complete == made.complete, "a refusal is not proven by its blocks");
  check(proven.bytes == exact.bytes, "a proof changes what goes out");

  CarRequest everything;
  everything.root = request.root;
  const Outcome whole = produce(everything, dag);
  const Outcome legacy = verify(request, StreamShape::kWholeDag, whole.bytes, cut);
  if (legacy.complete) check(made.complete && legacy.bytes == made.bytes, "another answer");
  if (!legacy.complete) check(begins_with(made.bytes, legacy.bytes), "other bytes");

  if (flaw == 0 || made.bytes.empty() || !made.complete) return 0;
  ByteVector bad = made.bytes;
  bad[flaw_at % bad.size()] ^= flaw;
  const Outcome judged = verify(request, StreamShape::kExact, bad, cut);
  check(begins_with(made.bytes, judged.bytes), "a wrong byte went out");
  if (judged.complete) check(judged.bytes == made.bytes, "an answer was cut");
  return 0;
}
