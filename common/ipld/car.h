#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/limits.h"
#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/base/varint.h"
#include "common/ipld/cid.h"

namespace daphnis {

/// Incremental reader of a CARv1 stream (https://ipld.io/specs/transport/car/carv1/). Sans-I/O and
/// pull-style like http::Parser: the caller offers bytes, gets one event and offers the rest again.
/// Any split of the same bytes gives the same events (bodies may be cut differently).
///
/// The reader reports a section's CID before its body, and checks the section's length before
/// either: a block above kBlockBytesMax is refused by that number alone. It holds at most a header
/// (kCarHeaderBytesMax, freed afterwards) or a section's head; bodies are views of the offer. It
/// does not check digests. Owned by the reader of the stream; after kFailed it stays failed.
class CarReader {
 public:
  enum class Event : uint8_t {
    kNeedMore,    ///< All offered bytes were taken; no event yet.
    kHeader,      ///< The header was valid; roots() if they are kept. Comes once, first.
    kSection,     ///< cid() and body_size() are known; the body follows.
    kBody,        ///< `body` is the next part of it, never empty.
    kSectionEnd,  ///< The body is whole (also reported for an empty body).
    kFailed,      ///< failure() says why.
  };
  struct Step {
    Event event;
    size_t consumed;  ///< Bytes of the offer that are done with.
    Bytes body = {};  ///< For kBody: the last bytes of those consumed.
  };
  struct Failure {
    Errc code;              ///< kMalformed, kTooLarge or kUnsupported.
    std::string_view what;  ///< A clause for people, static.
  };
  /// Roots are always checked. Readers of local files keep them: up to kCarHeaderBytesMax / 8.
  enum class Roots : bool { kIgnored, kKept };

  /// Refuses blocks of more than `block_bytes_max` bytes.
  explicit CarReader(Roots roots = Roots::kIgnored, size_t block_bytes_max = limits::kBlockBytesMax)
      : keeps_roots_(roots == Roots::kKept), block_bytes_max_(block_bytes_max) {}

  /// One event's worth of progress. May be called with an empty span (a pending event still comes).
  [[nodiscard]] Step step(Bytes offered);

  /// Call after kSection, where the caller itself skips the body's body_size() bytes (a file's
  /// reader seeks). No kBody and no kSectionEnd come for this section.
  void skip_body();

  /// True where the stream may end: after the header and whole sections only. Elsewhere an end of
  /// input is kTruncated.
  [[nodiscard]] bool may_end_here() const { return state_ == State::kLength && head_size_ == 0; }

  /// The section's CID and its body's size in bytes; valid from its kSection to the next kSection.
  [[nodiscard]] const Cid& cid() const { return cid_; }
  [[nodiscard]] size_t body_size() const { return body_size_; }

  /// The roots in the header's order, repeats included. Valid from kHeader on, where they are kept.
  [[nodiscard]] const std::vector<Cid>& roots() const { return roots_; }
  /// Valid after kFailed.
  [[nodiscard]] const Failure& failure() const { return failure_; }

 private:
  enum class State : uint8_t { kHeaderLength, kHeader, kLength, kCid, kBody, kFailed };

  Step fail_with(Errc code, std::string_view what);
  // Reads a length into section_size_ and returns how many bytes of the offer it took. kTruncated:
  // it took them all and needs more.
  std::expected<size_t, Errc> take_length(Bytes offered);
  Step read_header_length(Bytes offered);
  Step read_header(Bytes offered);
  Step read_length(Bytes offered);
  Step read_cid(Bytes offered);
  Step read_body(Bytes offered);

  State state_ = State::kHeaderLength;
  bool keeps_roots_;
  size_t block_bytes_max_;
  uint8_t head_size_ = 0;      // bytes held of a varint or CID that was cut by the end of an offer
  uint64_t section_size_ = 0;  // header, or CID and body: as its length says
  size_t body_size_ = 0;
  size_t body_left_ = 0;
  Cid cid_;
  Failure failure_{Errc::kMalformed, {}};
  std::array<uint8_t, limits::kCidBytesMax> head_;
  std::vector<uint8_t> header_;
  std::vector<Cid> roots_;
};

/// Checks a CARv1 header (DAG-CBOR, without its length) and appends its roots to `roots` unless
/// that is null. Strict DAG-CBOR but for the order of the keys. Errors: kMalformed, kUnsupported
/// (version).
[[nodiscard]] std::expected<void, CarReader::Failure> read_car_header(Bytes header,
                                                                      std::vector<Cid>* roots);

/// A clause for people that says what is wrong with a section whose CID gave this error of
/// read_cid().
[[nodiscard]] std::string_view why_no_cid(Errc code);

/// Bytes of space that the writers below need.
inline constexpr size_t kCarHeaderWrittenMax = 2 + 24 + limits::kCidBytesMax;
inline constexpr size_t kSectionHeadBytesMax = kVarintBytesMax + limits::kCidBytesMax;

/// Writes a CARv1 header with one root, length included. Returns how many bytes were written.
size_t write_car_header(const Cid& root, std::span<uint8_t, kCarHeaderWrittenMax> out);

/// Writes a section's length and CID, which stand before its body. Returns how many bytes were
/// written.
size_t write_section_head(const Cid& cid, size_t body_size,
                          std::span<uint8_t, kSectionHeadBytesMax> out);

/// Where the CARv1 lies in a file.
struct CarExtent {
  uint64_t offset;      ///< Bytes from the file's start.
  uint64_t size;        ///< Bytes of the CARv1 that the file has; at least 1.
  bool is_cut = false;  ///< The payload of a CARv2 should have more bytes.
};

/// Bytes of a file's start that car_extent() needs.
inline constexpr size_t kCarV2HeadBytes = 11 + 40;

/// The extent of the CARv1 in a local file of `file_size` bytes that begins with `start` (its first
/// kCarV2HeadBytes, or all of a shorter file): the payload of a CARv2
/// (https://ipld.io/specs/transport/car/carv2/), or the whole of any other file, which CarReader
/// then has to check. Errors: kTruncated (the file is empty or ends before the payload), kMalformed
/// (a payload without bytes, or one inside the header).
[[nodiscard]] Result<CarExtent> car_extent(Bytes start, uint64_t file_size);

}  // namespace daphnis
