// GB/s of one core: the verifier over a CAR in memory, beside a bare loop of the same hash over the
// same blocks, in one run. Usage: bench_verify [MiB of content, default 128] [rounds, default 5]
// [only this block size].

#include <fmt/core.h>
#include <openssl/evp.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/ipld/car.h"
#include "common/ipld/hashes.h"
#include "common/proof/verifier.h"

namespace daphnis {
namespace {

constexpr size_t kLinksPerNode = 1024;

using ByteVector = std::vector<uint8_t>;

void append(ByteVector& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

/// A protobuf field of bytes.
void append_field(ByteVector& to, uint8_t number, Bytes value) {
  std::array<uint8_t, kVarintBytesMax> length;
  to.push_back(static_cast<uint8_t>(number << 3 | 2));
  append(to, Bytes(length).first(write_varint(value.size(), length.data())));
  append(to, value);
}

/// A CAR of raw leaves below dag-pb nodes of kLinksPerNode links, one root, depth-first.
class TestCar {
 public:
  TestCar(size_t content_bytes, size_t leaf_bytes, uint64_t hash_code) : hash_code_(hash_code) {
    const size_t leaves = content_bytes / leaf_bytes;
    std::vector<Cid> groups;
    std::vector<ByteVector> parts;
    for (size_t at = 0; at < leaves; at += kLinksPerNode) {
      ByteVector node;
      ByteVector body;
      for (size_t i = at; i < std::min(leaves, at + kLinksPerNode); ++i) {
        const ByteVector leaf = make_leaf(i, leaf_bytes);
        const Cid cid = make_cid(codec::kRaw, leaf);
        append_link(node, cid);
        append_section(body, cid, leaf);
      }
      const Cid cid = make_cid(codec::kDagPb, node);
      ByteVector part;
      append_section(part, cid, node);
      append(part, body);
      groups.push_back(cid);
      parts.push_back(std::move(part));
    }
    ByteVector root;
    for (const Cid& cid : groups) append_link(root, cid);
    root_ = make_cid(codec::kDagPb, root);
    std::array<uint8_t, kCarHeaderWrittenMax> header;
    append(bytes_, Bytes(header).first(write_car_header(root_, header)));
    append_section(bytes_, root_, root);
    for (const ByteVector& part : parts) append(bytes_, part);
  }

  [[nodiscard]] const Cid& root() const { return root_; }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  static ByteVector make_leaf(size_t index, size_t size) {
    ByteVector leaf(size);
    uint64_t state = index * 0x9e3779b97f4a7c15 + 1;
    for (uint8_t& byte : leaf) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      byte = static_cast<uint8_t>(state);
    }
    return leaf;
  }

  Cid make_cid(uint64_t codec, Bytes block) {
    const Result<Cid> cid = hasher_.cid_of(codec, hash_code_, block);
    check(cid.has_value(), "the benchmark's hash is not supported");
    return *cid;
  }

  static void append_link(ByteVector& node, const Cid& cid) {
    ByteVector link;
    append_field(link, 1, cid.bytes());
    append_field(link, 2, {});
    append_field(node, 2, link);
  }

  static void append_section(ByteVector& car, const Cid& cid, Bytes block) {
    std::array<uint8_t, kSectionHeadBytesMax> head;
    append(car, Bytes(head).first(write_section_head(cid, block.size(), head)));
    append(car, block);
  }

  uint64_t hash_code_;
  Hasher hasher_;
  Cid root_;
  ByteVector bytes_;
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double seconds_of(const std::function<void()>& work) {
  const double start = cpu_seconds();
  work();
  return cpu_seconds() - start;
}

/// The stream in pooled buffers, as reads bring it.
Slices in_buffers(Bytes bytes) {
  Slices slices;
  for (size_t at = 0; at < bytes.size(); at += limits::kPooledBufferBytes) {
    slices.push_back(
        Slice::copy_of(bytes.subspan(at, std::min(limits::kPooledBufferBytes, bytes.size() - at))));
  }
  return slices;
}

void run_verifier(const Cid& root, bool dups, const Slices& input) {
  CarRequest request{root};
  request.dups = dups;
  Verifier verifier(request, StreamShape::kExact);
  Slices out;
  for (const Slice& slice : input) {
    (void)verifier.on_bytes(slice, out);
    out.clear();
  }
  check(verifier.on_end(out) == Verifier::State::kComplete, "the benchmark's CAR did not verify");
}

using Pieces = std::vector<Bytes>;

/// The blocks of the stream, each as the pieces of the buffers that hold it.
std::vector<Pieces> blocks_in(const Slices& input) {
  std::vector<Pieces> blocks;
  CarReader reader;
  for (const Slice& slice : input) {
    Bytes rest = slice.bytes();
    while (true) {
      const CarReader::Step step = reader.step(rest);
      rest = rest.subspan(step.consumed);
      if (step.event == CarReader::Event::kSection) blocks.emplace_back();
      if (step.event == CarReader::Event::kBody) blocks.back().push_back(step.body);
      if (step.event == CarReader::Event::kNeedMore) break;
    }
  }
  return blocks;
}

/// Computes one OpenSSL digest after another, as `openssl speed -bytes N` does.
void run_openssl(const std::vector<Pieces>& blocks) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest;
  for (const Pieces& block : blocks) {
    EVP_DigestInit_ex2(context, sha256, nullptr);
    for (const Bytes piece : block) EVP_DigestUpdate(context, piece.data(), piece.size());
    EVP_DigestFinal_ex(context, digest.data(), nullptr);
  }
  EVP_MD_free(sha256);
  EVP_MD_CTX_free(context);
}

/// Does the same with our own function, for blake3, which OpenSSL lacks.
void run_hasher(const std::vector<Pieces>& blocks, uint64_t hash_code) {
  Hasher hasher;
  const std::array<uint8_t, 32> never{};
  for (const Pieces& block : blocks) {
    hasher.reset(hash_code);
    for (const Bytes piece : block) hasher.update(piece);
    check(!hasher.finish_matches(never), "a digest of zeros");
  }
}

void measure(std::string_view name, uint64_t hash_code, size_t content, size_t leaf, int rounds) {
  const TestCar car(content, leaf, hash_code);
  const Slices input = in_buffers(car.bytes());
  const std::vector<Pieces> blocks = blocks_in(input);
  double bare = 1e9;
  double ours = 1e9;
  double ours_dups = 1e9;
  for (int i = 0; i < rounds; ++i) {  // By turns, so that a busy neighbour affects all alike.
    bare = std::min(bare, seconds_of([&] {
                      if (hash_code == hash::kSha2_256) {
                        run_openssl(blocks);
                      } else {
                        run_hasher(blocks, hash_code);
                      }
                    }));
    ours = std::min(ours, seconds_of([&] { run_verifier(car.root(), false, input); }));
    ours_dups = std::min(ours_dups, seconds_of([&] { run_verifier(car.root(), true, input); }));
  }
  const double gigabytes = static_cast<double>(car.bytes().size()) / 1e9;
  fmt::print("{:<10} {:>9} {:>10.3f} {:>10.3f} {:>7.1f}% {:>10.3f} {:>7.1f}%\n", name, leaf,
             gigabytes / bare, gigabytes / ours, 100 * bare / ours, gigabytes / ours_dups,
             100 * bare / ours_dups);
}

}  // namespace
}  // namespace daphnis

int main(int argc, char** argv) {
  using namespace daphnis;
  const size_t content = (argc > 1 ? static_cast<size_t>(std::atol(argv[1])) : 128) * limits::kMiB;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  fmt::print("GB/s per core of CPU time, best of {} rounds, {} MiB of raw leaves\n", rounds,
             content / limits::kMiB);
  fmt::print("{:<10} {:>9} {:>10} {:>10} {:>8} {:>10} {:>8}\n", "hash", "block", "bare", "verifier",
             "of bare", "dups=y", "of bare");
  const size_t only = argc > 3 ? static_cast<size_t>(std::atol(argv[3])) : 0;
  for (const size_t leaf : {4 * limits::kKiB, 256 * limits::kKiB, limits::kMiB}) {
    if (only == 0 || only == leaf) measure("sha2-256", hash::kSha2_256, content, leaf, rounds);
  }
  for (const size_t leaf : {4 * limits::kKiB, 256 * limits::kKiB, limits::kMiB}) {
    if (only == 0 || only == leaf) measure("blake3", hash::kBlake3, content, leaf, rounds);
  }
  return 0;
}
