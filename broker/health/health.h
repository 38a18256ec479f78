#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/settings.h"
#include "broker/health/latencies.h"
#include "broker/health/standing.h"
#include "broker/health/window.h"

namespace daphnis::broker {

/// Names what the broker knows of one L2; never used twice.
enum class HealthNo : uint64_t {};

inline constexpr uint64_t kEndsPartMs = 120'000;  ///< A window of ends has two to four minutes.

/// How one order to an L2 ended, as far as that says anything of the L2.
struct OrderEnd {
  enum class How : uint8_t {
    kServed,    ///< It delivered what it was asked for, or as much as was wanted.
    kNotFound,  ///< It said that it lacks the content.
    kAborted,   ///< It cut its stream or its registration.
    kSilent,    ///< No POST came in time, or its stream stood still.
    kLied,      ///< Its bytes failed verification.
    kNothing,   ///< That says nothing of the L2.
  };
  How how = How::kNothing;
  uint64_t root_key = 0;       ///< The key of the root that it was asked for.
  uint64_t ordered_ms = 0;     ///< When it was asked.
  uint64_t blocks_proven = 0;  ///< Of its stream.
  uint64_t body_bytes = 0;     ///< Bytes of its stream.
  uint64_t stream_ms = 0;      ///< How long that took.
};

/// Counts of the ends of an L2's orders in the last two to four minutes.
struct OrderEnds {
  uint32_t judged = 0;  ///< Those that say something of the L2.
  uint32_t aborted = 0;
  uint32_t silent = 0;
  uint32_t lied = 0;
  uint64_t bytes = 0;      ///< Of its streams.
  uint64_t stream_ms = 0;  ///< Time of its streams.

  /// The part of those judged that failed without a lie, 0 to 1; 0 where there is none.
  [[nodiscard]] double share_failed() const {
    return judged == 0 ? 0 : static_cast<double>(aborted + silent) / judged;
  }
  /// Bytes a second of its streams; 0 where there was none.
  [[nodiscard]] uint64_t bytes_per_s() const {
    return stream_ms == 0 ? 0 : bytes * 1000 / stream_ms;
  }
};

/// What the broker knows of one L2 (HealthOf) by its deeds and faults. Owned by the
/// HealthBook; lives longer than a registration.
class Health {
 public:
  /// `address` is that of its peer, without port; `mode` says whether the rules' ejections are
  /// applied.
  Health(HealthNo no, std::string_view id, std::string_view address, RuleMode mode)
      : no_(no), id_(id), address_(address), is_ruled_(mode == RuleMode::kOn) {}

  [[nodiscard]] HealthNo no() const { return no_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  /// Where it is, or was last.
  [[nodiscard]] const std::string& address() const { return address_; }
  void set_address(std::string_view address) { address_ = address; }
  [[nodiscard]] Latencies& first_byte() { return first_byte_; }
  [[nodiscard]] const Latencies& first_byte() const { return first_byte_; }
  [[nodiscard]] Standing& standing() { return standing_; }
  [[nodiscard]] const Standing& standing() const { return standing_; }

  /// A block of it is proven, of which the order's end will tell.
  void note_deed() { has_deeds_ = true; }
  /// Counts the end of an order.
  void add(const OrderEnd& end, uint64_t now_ms);
  /// Judges it anew from now on: what it failed before counts no more. Its deeds and speeds stay.
  void begin_anew() { ends_.clear(); }

  [[nodiscard]] OrderEnds ends(uint64_t now_ms) const;
  /// True where a block of it was ever proven.
  [[nodiscard]] bool has_deeds() const { return has_deeds_; }
  [[nodiscard]] uint64_t blocks_proven() const { return blocks_proven_; }
  [[nodiscard]] uint64_t streams_proven() const { return streams_proven_; }

  /// It is asked after all others. With RuleMode::kObserve only the operator's word makes it so.
  [[nodiscard]] bool is_ejected(uint64_t now_ms) const {
    return standing_.is_ejected(now_ms) &&
           (is_ruled_ || standing_.reason() == EjectionReason::kOperator);
  }
  /// It gets one order at a time.
  [[nodiscard]] bool is_on_probation() const { return is_ruled_ && standing_.is_on_probation(); }

 private:
  const HealthNo no_;
  const std::string id_;
  std::string address_;
  const bool is_ruled_;
  Latencies first_byte_;
  Standing standing_;
  Window<OrderEnds, kEndsPartMs> ends_;
  bool has_deeds_ = false;
  uint64_t blocks_proven_ = 0;
  uint64_t streams_proven_ = 0;
};

}  // namespace daphnis::broker
