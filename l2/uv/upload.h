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
  int status = 0;            ///< The L1's answer; 0 where there was none.
  bool is_complete = false;  ///< Everything was sent.
  bool is_not_found = false;
  uint64_t bytes = 0;     ///< Of CAR.
  std::string why = {};   ///< Where it failed.
  std::string code = {};  ///< What the L1 said of a status other than 200; empty: nothing.
};

/// Answers one order: makes the CAR in the thread pool, a turn ahead of the socket, and POSTs it in
/// chunks. An answer of the L1 that comes early ends it at once. Owned by the client of its L1; may
/// be destroyed at any time but inside on_done, which is its last call.
class Upload {
 public:
  struct Host {
    uv::Loop& loop;
    Store& store;
    const L1Url& l1;
    Generation generation;
    /// A link for one exchange; kept ones first unless `is_fresh`.
    std::function<std::unique_ptr<Link>(bool is_fresh)> take_link;
    /// Takes a link whose exchange is over and that may serve another.
    std::function<void(std::unique_ptr<Link>)> give_link;
  };

  Upload(const Host& host, StartUpload start, std::function<void(const UploadResult&)> on_done);
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  [[nodiscard]] const Order& order() const { return start_.order; }

 private:
  struct Job;  ///< One turn in the thread pool; outlives this.

  void restart();
  void make_turn();
  void on_turn(Delivery::Turn turn);
  void open_link();
  void on_ready();
  void pump();
  void on_lost(const std::string& why);
  void on_head(int status);
  void on_end();
  void finish(std::string why = {});
  [[nodiscard]] std::string request_head() const;

  const Host& host_;
  StartUpload start_;
  std::function<void(const UploadResult&)> on_done_;

  std::shared_ptr<Delivery> delivery_;
  Job* job_ = nullptr;
  std::optional<Delivery::Turn> turn_;  ///< Made, not yet written.
  std::unique_ptr<Link> link_;
  uv::Timer stall_;
  uv::Timer later_;
  UploadResult result_;
  NotFound lacks_ = NotFound::kUnspecified;  ///< Where it is not found.
  bool is_fresh_ = false;                    ///< Only a new connection will do.
  bool is_ready_ = false;                    ///< The link may be written to.
  bool is_head_sent_ = false;
  bool is_all_sent_ = false;
  bool is_refused_ = false;   ///< An answer came before all was sent: it is read, no more is sent.
  std::string said_;          ///< The answer's body, as much as is kept.
  bool is_aborting_ = false;  ///< Legacy: a POST is begun only to be dropped.
};

}  // namespace daphnis::l2
