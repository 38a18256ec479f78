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
#include "l2/core/l1_url.h"

namespace daphnis::l2 {

/// An L1's order: the content that it asks for with one line (DESIGN 3.1).
struct Order {
  Uuid request_id = {};
  CarRequest request = {};
  uint64_t skip = 0;  ///< Blocks of the walk that the L1 has already; at most kSkipBlocksMax.
  std::optional<Cid> next = {};  ///< The block that is due behind them; only with a skip.
  std::optional<uint64_t> deadline_ms = {};  ///< Counted from the line's arrival.
  std::string trace_id = {};                 ///< For the log; empty where there is none.
  /// Where the worker that asks takes the delivery itself; https always. Whether it is used is for
  /// DataUrls to say.
  std::optional<L1Url> data_url = {};
  /// False: the line names a root and an id, but asks for something that this L2 does not
  /// understand. The L2 then says not-found at once, rather than nothing.
  bool is_understood = true;
};

/// What an L1 tells of this L2's standing there.
struct Notice {
  std::string notice = {};  ///< What has happened: "ejected" or "contested".
  std::string reason = {};
  uint64_t for_ms = 0;
};

/// Reads order lines (a JSON object each, without its line end). nullopt: the line is junk, that
/// is, it has no id or no root. The root is `root`, or `cid` where that is missing; numbers may be
/// strings; unknown keys are ignored.
class OrderReader {
 public:
  OrderReader();
  ~OrderReader();
  OrderReader(OrderReader&&) noexcept;
  OrderReader& operator=(OrderReader&&) noexcept;

  [[nodiscard]] std::optional<Order> read(std::string_view line);
  /// Reads a line that is no order: the id of the order that it cancels; nullopt: it cancels none.
  [[nodiscard]] std::optional<Uuid> read_cancel(std::string_view line);
  /// Reads a line that is neither: a notice; nullopt: it is none. Texts that are no names
  /// (is_name()) are left out.
  [[nodiscard]] std::optional<Notice> read_notice(std::string_view line);
  /// Reads a line that is none of these: the text of its `token`; nullopt: it has none.
  [[nodiscard]] std::optional<std::string> read_token(std::string_view line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Cuts a byte stream into lines of at most kOrderLineBytesMax bytes. A longer line is skipped and
/// counted. Any split of the same bytes gives the same lines.
class LineSplitter {
 public:
  /// Calls `on_line` for each complete line that is not empty, without its line feed and a carriage
  /// return before that. The view is valid during the call.
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
