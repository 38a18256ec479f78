#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/commands.h"
#include "broker/registry/capabilities.h"
#include "broker/registry/l2_line.h"

namespace daphnis::broker {

/// The line to an L2 that is an endless HTTP/1 response (DESIGN 3.1): a head with the session key,
/// then NDJSON lines for orders, cancels, notices and tokens, and empty lines as heartbeats. Writes
/// through the outbox.
class NdjsonLine final : public L2Line {
 public:
  /// The owner of the connection, which goes on after the response. Outlives the line.
  class Connections {
   public:
    virtual ~Connections() = default;
    /// Ends our side once all is written, and drains what comes for a while.
    virtual void linger(ConnId id, uint64_t now_ms) = 0;
    /// Closes the connection now.
    virtual void close(ConnId id) = 0;
  };
  /// How the response's body is delimited.
  enum class Framing : uint8_t {
    kChunked,  ///< In chunks; the reason of an end is a trailer.
    kClose,    ///< For HTTP/1.0: as it is, up to the connection's end, which has no reason.
  };

  /// `capabilities` are the L2's; they decide which lines there are and what they say.
  NdjsonLine(Outbox& out, Connections& connections, ConnId conn, Framing framing,
             const Capabilities& capabilities)
      : out_(out),
        connections_(connections),
        conn_(conn),
        framing_(framing),
        capabilities_(capabilities) {}

  /// Also has the connection tuned to the few and small writes of a registration.
  [[nodiscard]] size_t begin(const Uuid& session_key) override;
  [[nodiscard]] size_t order(const Order& order) override;
  [[nodiscard]] size_t cancel(const Uuid& attempt_id) override;
  [[nodiscard]] size_t notice(const Ejection& ejection) override;
  [[nodiscard]] size_t contested(std::string_view reason) override;
  [[nodiscard]] size_t token(std::string_view successor) override;
  [[nodiscard]] size_t heartbeat() override;
  void end(std::string_view reason, uint64_t now_ms) override;
  void cut() override;

 private:
  [[nodiscard]] std::string head_of(const Uuid& session_key) const;
  /// Adds a line, which has its line end, to `out` as a part of the body.
  void append_line(std::string& out, std::string_view line) const;
  [[nodiscard]] size_t send_line(std::string_view line);
  /// Returns the number of bytes.
  size_t write(std::string bytes);

  Outbox& out_;
  Connections& connections_;
  const ConnId conn_;
  const Framing framing_;
  const Capabilities capabilities_;
};

}  // namespace daphnis::broker
