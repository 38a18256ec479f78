#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/slice.h"
#include "common/base/uuid.h"
#include "common/request/car_request.h"

namespace daphnis::l2 {

/// What an L1 asks for with one order line (DESIGN 3.1).
struct Order {
  Uuid request_id = {};
  CarRequest request = {};
  uint64_t skip = 0;  ///< Blocks at the answer's start that the L1 has already.
  std::optional<uint64_t> deadline_ms = {};  ///< From the line's arrival.
  std::string trace_id = {};                 ///< For the log; empty where there is none.
  /// The line names a root and an id, but asks for something we do not understand: to be answered
  /// with not-found, at once, rather than with silence.
  bool is_understood = true;
};

/// Reads one order line (a JSON object, without its line end). nullopt: junk, that is, there is no
/// id or no root to answer for. `root` is read, else `cid`; numbers may be strings; keys that are
/// not known are ignored.
class OrderReader {
 public:
  OrderReader();
  ~OrderReader();
  OrderReader(OrderReader&&) noexcept;
  OrderReader& operator=(OrderReader&&) noexcept;

  [[nodiscard]] std::optional<Order> read(std::string_view line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Cuts a byte stream into lines of at most kOrderLineBytesMax bytes. A longer one is passed over
/// to its end and counted. Any split of the same bytes gives the same lines.
class LineSplitter {
 public:
  /// Calls `on_line` for each complete line that is not empty, without its line end (a carriage
  /// return before it goes too). The view is valid during the call.
  void feed(Bytes bytes, const std::function<void(std::string_view)>& on_line);
  void reset();

  [[nodiscard]] uint64_t too_long() const { return too_long_; }

 private:
  void take(std::string_view part, const std::function<void(std::string_view)>& on_line);

  std::string held_;
  bool is_passing_over_ = false;
  uint64_t too_long_ = 0;
};

}  // namespace daphnis::l2
