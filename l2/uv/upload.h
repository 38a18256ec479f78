#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/uv/loop.h"
#include "l2/core/l1_session.h"
#include "l2/disk/delivery.h"
#include "l2/uv/link.h"

namespace daphnis::l2 {

/// How an upload ended, for the log.
struct UploadResult {
  int status = 0;            ///< The status of the L1's reply; 0 where there was none.
  bool is_complete = false;  ///< The whole delivery was sent.
  bool is_not_found = false;
  bool is_direct = false;     ///< It went to the worker itself.
  bool is_cancelled = false;  ///< Nobody waited for it, and no byte of CAR was sent.
  uint64_t bytes = 0;         ///< Bytes of CAR that were sent.
  std::string why = {};       ///< Why the upload failed; empty where it did not.
  std::string code = {};      ///< The code in a reply other than 200; empty where there was none.
};

/// Delivers what one order asks for: makes the CAR in the thread pool, a turn ahead of the socket,
/// and POSTs it in chunks. An early reply of the L1 ends the upload at once. An upload for which
/// nobody waits says just that, where its POST has not begun.
///
/// An order with a data URL that may be used is delivered there. Where that cannot be reached, or
/// knows nothing of the order (404, 421), the delivery is made anew for the L1's own port, once.
/// Acknowledgements go to that port always: the order is over, so the name may lead to no worker
/// any more, and no byte of CAR is spared a way. Owned by the client of its L1, which may destroy
/// it at any time, also in on_done, its last call.
class Upload {
 public:
  struct Host {
    uv::Loop& loop;
    Store& store;
    const L1Url& l1;
    Generation generation;
    /// Gives a link to that URL for one exchange: an idle one where there is one, unless
    /// `is_fresh`.
    std::function<std::unique_ptr<Link>(const L1Url& to, bool is_fresh)> take_link;
    /// Takes back a link that may be used for another exchange.
    std::function<void(std::unique_ptr<Link>)> give_link;
    /// A delivery may go to that data URL now.
    std::function<bool(const L1Url& data_url)> may_use;
    /// A data URL could not be reached, for what that TLS session met; kNone: there was none.
    std::function<void(const L1Url& data_url, const std::string& why, tls::Fault fault)>
        on_unreachable;
    uint64_t data_url_ms;  ///< The time to reach a data URL.
  };

  enum class What : uint8_t {
    kDelivery,
    kAcknowledgement,  ///< Only that the order is cancelled.
  };

  Upload(const Host& host, StartUpload start, What what,
         std::function<void(const UploadResult&)> on_done);
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  /// Nobody waits for it any more. A POST that has begun makes no more of its CAR, and ends its
  /// connection after the reply.
  void cancel();

  [[nodiscard]] const Order& order() const { return start_.order; }

 private:
  struct Job;  ///< One turn in the thread pool; may outlive the upload.

  void restart();
  /// Makes the delivery anew, for the L1's own port.
  void restart_at_l1();
  void on_unreachable(const std::string& why, tls::Fault fault);
  /// Sends no CAR, but that the order is cancelled.
  void acknowledge();
  void drop_job();
  void make_turn();
  void on_turn(Delivery::Turn turn);
  void open_link();
  void on_ready();
  void pump();
  void on_lost(const std::string& why);
  void on_head(int status);
  void on_end();
  void finish(std::string why = {});
  [[nodiscard]] const L1Url& to() const { return data_url_ ? *data_url_ : host_.l1; }
  [[nodiscard]] std::string request_head() const;

  const Host& host_;
  StartUpload start_;
  std::function<void(const UploadResult&)> on_done_;

  std::shared_ptr<Delivery> delivery_;
  Job* job_ = nullptr;
  std::optional<Delivery::Turn> turn_;  ///< The turn that is made and not yet written.
  std::unique_ptr<Link> link_;
  uv::Timer stall_;
  uv::Timer later_;
  uv::Timer reach_;                ///< Until the data URL is reached.
  std::optional<L1Url> data_url_;  ///< Where it goes instead of the L1's own port.
  UploadResult result_;
  NotFound lacks_ = NotFound::kUnspecified;  ///< Where result_.is_not_found.
  bool is_fresh_ = false;                    ///< The upload needs a new connection.
  bool is_ready_ = false;                    ///< The link may be written to.
  bool is_head_sent_ = false;
  bool is_all_sent_ = false;
  /// An early reply came, or must come: it is read, and no more is sent.
  bool is_refused_ = false;
  bool is_cancelled_ = false;  ///< No CAR is sent, only that the order is cancelled.
  bool is_over_ = false;       ///< on_done is the next call.
  std::string said_;           ///< The beginning of the reply's body.
  bool is_aborting_ = false;   ///< Legacy: the POST is begun and then cut, which means not-found.
};

}  // namespace daphnis::l2
