#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/broker.h"
#include "common/base/check.h"
#include "common/ipc/ipc_messages.h"

/// Feeds bytes of an L2's connection to a broker that has one L2 with one order: any split of the
/// bytes gets the same replies, and no bytes harm the broker.
namespace {

using namespace daphnis;          // NOLINT(google-build-using-namespace)
using namespace daphnis::broker;  // NOLINT(google-build-using-namespace)

constexpr uint64_t kNow = 1'000;
constexpr ConnId kHome{1};
constexpr ConnId kOther{2};
constexpr WorkerId kWorker{1};
constexpr std::string_view kRoot = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";

/// The attempt's id is 01010101-0101-4101-8101-010101010101.
Uuid ones() {
  Uuid id;
  id.fill(1);
  return id;
}

class Scene {
 public:
  Scene() : broker_({}, ones) {
    broker_.on_l2_connected(kHome, {.address = "192.0.2.1", .cookie = 5}, kNow);
    feed(kHome, as_bytes("GET /register/home?v=2 HTTP/1.1\r\nHost: x\r\n\r\n"));
    broker_.on_worker_connected(kWorker, kNow);
    tell(ipc::Hello{});
    tell(ipc::Fetch{.fetch_id = 1,
                    .request = {.root = *Cid::from_text(kRoot)},
                    .trace_id = "t",
                    .deadline_ms = 30'000});
    broker_.on_l2_connected(kOther, {.address = "192.0.2.1", .cookie = 6}, kNow);
    carry_out();
    said_.clear();
  }
  /// False once the broker has dropped the connection.
  bool feed(ConnId conn, Bytes bytes) {
    if (!is_open_) return false;
    broker_.on_l2_bytes(conn, bytes, kNow);
    carry_out();
    return is_open_;
  }
  const std::string& said() const { return said_; }

 private:
  void tell(const ipc::WorkerToBroker& message) {
    broker_.on_worker_message(kWorker, message, {}, kNow);
  }
  void carry_out() {
    broker_.take_commands(commands_);
    for (const Command& command : commands_) {
      if (const auto* write = std::get_if<WriteL2>(&command)) {
        said_ += std::to_string(static_cast<uint64_t>(write->conn)) + ":" + write->bytes;
        broker_.on_l2_unsent(write->conn, 0, kNow);
      } else if (const auto* close = std::get_if<CloseL2>(&command)) {
        is_open_ = is_open_ && close->conn != kOther;
      } else if (std::holds_alternative<HandOff>(command)) {
        said_ += "handed off";
        is_open_ = false;
      }
    }
  }

  Broker broker_;
  std::vector<Command> commands_;
  std::string said_;
  bool is_open_ = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kBytesMax = 4096;
  const Bytes all(data, std::min(size, kBytesMax));
  Scene whole;
  whole.feed(kOther, all);
  Scene bytewise;
  for (size_t i = 0; i < all.size() && bytewise.feed(kOther, all.subspan(i, 1)); ++i) {
  }
  check(whole.said() == bytewise.said(), "a cut changes what an L2 is answered");
  return 0;
}
