#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/slice.h"
#include "common/tls/context.h"
#include "common/tls/fault.h"
#include "common/tls/wire.h"

struct ssl_st;
struct bio_st;
struct bio_method_st;

namespace daphnis::tls {

/// One side of one TLS connection (RFC 8446, RFC 5246), on OpenSSL. Sans-I/O: records move through
/// the Wire that each call is given, once in each direction at most where it is a read. Owned by
/// its connection. Keeps some 16 KiB while it is idle, and a record more in each direction while
/// one is incomplete.
class Session {
 public:
  /// The side that was connected to.
  [[nodiscard]] static std::unique_ptr<Session> accept(std::shared_ptr<const Context> context);
  /// The side that connects to `host`, a name or an address, for which the certificate must be.
  /// `port` tells servers on one host apart, whose sessions are not each other's to resume.
  [[nodiscard]] static std::unique_ptr<Session> connect(std::shared_ptr<const Context> context,
                                                        const std::string& host,
                                                        uint16_t port = 443);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  enum class Handshake : uint8_t {
    kDone,
    kWantsRead,   ///< Call again when the wire has bytes.
    kWantsWrite,  ///< Call again when the wire takes bytes.
    kFailed,      ///< problem() says why; the alert that says it to the peer is written.
  };
  /// Goes on with the handshake, which must be done before all below.
  [[nodiscard]] Handshake handshake(Wire& wire);

  /// Reads content into `out`, as much as is there. kBlocked: none for now. kEnd: the peer has
  /// ended its side, with or without a word of that; what the content says of its own length
  /// decides.
  [[nodiscard]] Moved read(Wire& wire, std::span<uint8_t> out);
  /// True where read() would return content without a read of the wire.
  [[nodiscard]] bool has_unread() const;

  struct Written {
    size_t bytes = 0;         ///< First bytes that were taken.
    bool is_blocked = false;  ///< The wire takes no more; flush() before the next write().
    bool is_lost = false;     ///< The connection is broken.
  };
  /// Takes content, and writes it as records; small views share one. `has_more` as in Wire.
  [[nodiscard]] Written write(Wire& wire, std::span<const Bytes> views, bool has_more);
  /// Writes the record that write() could not write whole. Its `bytes` is 0.
  [[nodiscard]] Written flush(Wire& wire);
  /// True where a record is not written whole.
  [[nodiscard]] bool has_unsent() const { return pending_bytes_ > 0; }
  /// Tells the peer that our content is complete (close_notify), if the wire takes it.
  void end(Wire& wire);

  /// Why the session failed, in plain words; empty where it did not.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] Fault fault() const { return fault_; }
  /// The common name of the certificate that the peer has shown and that was found good; empty
  /// where it has shown none, or that has none.
  [[nodiscard]] std::string peer_name() const;
  /// True where a ticket has resumed an earlier session.
  [[nodiscard]] bool is_resumed() const;

 private:
  friend struct SessionBio;
  friend struct SessionCalls;
  explicit Session(std::shared_ptr<const Context> context);

  class Use;
  [[nodiscard]] bool refill();
  [[nodiscard]] Written write_record(Bytes content);
  void fail(const std::string& otherwise);

  std::shared_ptr<const Context> context_;
  ssl_st* ssl_;
  std::string host_;  ///< Whom the side that connects asked for.
  std::string peer_;  ///< The same with its port.
  std::string problem_;
  Fault fault_ = Fault::kNone;
  Bytes input_;                ///< Records that were read and not yet taken; valid in one call.
  std::vector<uint8_t> kept_;  ///< The same between two calls.
  size_t pending_bytes_ = 0;   ///< Content of the record that is not written whole.
  Wire* wire_ = nullptr;       ///< Not null in a call.
  Moved::Outcome read_outcome_ = Moved::Outcome::kBlocked;  ///< Of the wire's last read.
  bool may_read_ = false;  ///< The wire has not been read in this call.
  bool has_more_ = false;
};

}  // namespace daphnis::tls
