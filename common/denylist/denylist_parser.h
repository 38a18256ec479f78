#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/denylist/deny_rule.h"
#include "common/ipld/hashes.h"

namespace daphnis {

/// What takes the rules that a parser reads.
class DenyRuleSink {
 public:
  /// A rule, after all rules of lines above it. False: there are too many.
  [[nodiscard]] virtual bool on_rule(const DenyRule& rule) = 0;
  /// The rules that follow may be double-hashed by that function (a multihash code), which is not
  /// SHA-256. False: there are too many functions.
  [[nodiscard]] virtual bool on_hash_function(uint64_t code) = 0;

 protected:
  ~DenyRuleSink() = default;
};

/// What a file held besides comments.
struct DenylistCounts {
  uint64_t rules = 0;       ///< Lines that deny, or are exceptions.
  uint64_t exceptions = 0;  ///< Of these, those that are exceptions.
  uint64_t ipns = 0;        ///< Lines about names in /ipns/, which nobody resolves here.
  uint64_t hashes = 0;      ///< Lines that are double-hashed by a function that is not known here.

  void add(const DenylistCounts& other) {
    rules += other.rules;
    exceptions += other.exceptions;
    ipns += other.ipns;
    hashes += other.hashes;
  }
};

/// Reads one file in the compact denylist format (https://specs.ipfs.tech/compact-denylist-format/,
/// IPIP-383), as nopfs, kubo and rainbow do:
///
///     /ipfs/CID[/PATH]       the content by its multihash, or that path below it
///     /ipfs/CID/PATH*        all paths that begin so; /ipfs/CID/* is the content and all below it
///     //MULTIHASH            base58btc of the hash of "MULTIHASH-IN-BASE58BTC[/PATH]"
///     //HEX                  SHA-256 of "CID-OF-VERSION-1-IN-BASE32/[PATH]", as badbits writes it
///     !LINE                  an exception, which goes before the lines above it
///     LINE gateway_status:451
///
/// "-" and "+" stand for "!" as well, "/ipld/" for "/ipfs/", and "=" for the colon. Holds one line
/// (kDenyLineBytesMax), or what may be a header (kDenyHeaderBytesMax). Sans-I/O; owned by the
/// reader of the file.
class DenylistParser {
 public:
  explicit DenylistParser(DenyRuleSink& sink) : sink_(sink) {}

  /// Takes the next bytes of the file, in pieces of any size. Errors, with the line's number and a
  /// colon in front: kMalformed, kUnsupported, kTooLarge. After an error the parser is of no use.
  [[nodiscard]] Result<void> on_text(std::string_view text);
  /// The file has ended, with its last line or with an end of line behind it.
  [[nodiscard]] Result<void> on_end();

  [[nodiscard]] const DenylistCounts& counts() const { return counts_; }
  /// The number of lines so far, those of the header included.
  [[nodiscard]] uint32_t lines() const { return line_; }

 private:
  [[nodiscard]] Result<void> look_for_header(bool is_end);
  [[nodiscard]] Result<void> read_lines(std::string_view text);
  [[nodiscard]] Result<void> read_line(std::string_view line);
  [[nodiscard]] Result<void> read_content(std::string_view text, DenyRule rule);
  [[nodiscard]] Result<void> read_double_hash(std::string_view text, DenyRule rule);
  [[nodiscard]] Result<void> add(const DenyRule& rule);
  [[nodiscard]] std::unexpected<Error> fail_line(Errc code, std::string_view why) const;

  DenyRuleSink& sink_;
  DenylistCounts counts_;
  bool is_past_header_ = false;
  bool is_legal_ = false;  ///< What the header says.
  std::string held_;       ///< The beginning of a line; before the header's end all of the file.
  size_t searched_ = 0;    ///< Bytes of held_ that hold no end of a header.
  uint32_t line_ = 0;      ///< The number of the line that is being read.
};

/// The multihash as a list names it: base58btc.
[[nodiscard]] std::string deny_name_of(Bytes multihash);

}  // namespace daphnis
