#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "common/base/uuid.h"
#include "common/http/http_parser.h"
#include "tests/sim/edge/stream.h"
#include "tests/sim/edge/upload_plan.h"

namespace daphnis::sim {

/// One delivery of an L2.
struct Upload {
  Uuid id{};
  UploadPlan plan;
  size_t at = 0;  ///< Bytes written so far.
  unsigned tries = 0;
};

/// One connection of an L2 for its uploads: sends one after the other, the next perhaps before the
/// L1 has replied to the one before. Owned by the L2's node.
class UploadLink {
 public:
  struct Events {
    /// The L1 has replied, or the upload is not tried again.
    std::function<void(const Uuid& id, int status)> on_done;
    /// The L1 has closed the connection and may have read nothing of the upload.
    std::function<void(Upload)> on_again;
    /// No more can be sent here. The last call; the owner destroys this link later.
    std::function<void(UploadLink&)> on_over;
  };

  UploadLink(Scene& scene, std::unique_ptr<Socket> socket, Events events);

  void add(Upload upload);
  /// True where no upload is under way.
  [[nodiscard]] bool is_idle() const { return uploads_.empty() && !is_over_; }
  /// True where all uploads that were begun are sent, though not replied to.
  [[nodiscard]] bool may_pipeline() const {
    return !is_over_ && !uploads_.empty() && is_sent(uploads_.back());
  }
  /// Its L2 has stopped running: nothing is read or written any more.
  void freeze();
  void abort() { stream_.abort(); }

 private:
  static bool is_sent(const Upload& upload) {
    return upload.at == upload.plan.bytes.size() && upload.plan.end == UploadPlan::End::kWhole;
  }
  void pump();
  void on_bytes(Bytes bytes);
  void end_front(int status);
  void end(bool may_try_again);

  Scene& scene_;
  Events events_;
  http::Parser parser_{http::Parser::Kind::kResponse};
  std::deque<Upload> uploads_;  ///< The oldest, which waits for its reply, is first.
  Alarm next_;
  size_t exchanges_ = 0;
  bool is_over_ = false;
  bool is_frozen_ = false;
  bool has_reply_begun_ = false;
  Stream stream_;
};

}  // namespace daphnis::sim
