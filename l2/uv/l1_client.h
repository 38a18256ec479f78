#pragma once

#include <list>
#include <map>
#include <memory>

#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "l2/core/data_urls.h"
#include "l2/core/l1_session.h"
#include "l2/core/l1_url.h"
#include "l2/disk/store.h"
#include "l2/disk/token_file.h"
#include "l2/uv/link.h"
#include "l2/uv/upload.h"

namespace daphnis::l2 {

/// Drives the session with one L1: passes time and input from the wire to it and carries out its
/// commands. Owns the registration's connection, the one that posts holdings, the uploads, and the
/// idle connections kept for further uploads. Owned by `serve`.
class L1Client {
 public:
  /// `tls` is for an L1 that TLS is spoken with; it may be null for others. `token_file` outlives
  /// the client; null: no token is shown. `data_url_ms` is the time to reach a data URL.
  L1Client(uv::Loop& loop, uv::Log& log, Store& store, L1Url url,
           std::shared_ptr<const tls::Context> tls, SessionSettings settings, Random random,
           TokenFile* token_file, uint64_t data_url_ms);
  L1Client(const L1Client&) = delete;
  L1Client& operator=(const L1Client&) = delete;

  void start();
  /// Leaves the L1; uploads under way go on. Calls `on_idle` once no upload is under way.
  void drain(std::function<void()> on_idle);
  void on_holdings(const Holdings& holdings, bool is_complete);

  [[nodiscard]] bool is_registered() const { return session_.is_registered(); }
  [[nodiscard]] size_t uploads() const { return uploads_.size(); }
  [[nodiscard]] L1Session::Stats stats() const { return session_.stats(); }

 private:
  /// Ends an input's turn: carries out the session's commands and sets its timer.
  void after_input();
  void do_command(OpenRegistration& command);
  void do_command(CloseRegistration& command);
  void do_command(PostHoldings& command);
  void do_command(DropHoldings& command);
  void do_command(StartUpload& command);
  void do_command(CancelUpload& command);
  void do_command(AcknowledgeCancel& command);
  void begin_upload(StartUpload start, Upload::What what);
  void do_command(KeepToken& command);
  void do_command(WriteLog& command);

  void begin_refusal(const http::Head& reply);
  void end_refusal();
  void end_holdings(const L1Refusal& reply);
  void end_upload(const Uuid& id, const UploadResult& result);
  void log_upload(const Order& order, const UploadResult& result);
  /// As DataUrls::may_use(). Says in the log, once, why such URLs are never used.
  [[nodiscard]] bool may_use(const L1Url& data_url);
  void on_unreachable(const L1Url& data_url, const std::string& why, tls::Fault fault);
  [[nodiscard]] std::unique_ptr<Link> new_link(const L1Url& to) const;
  [[nodiscard]] std::unique_ptr<Link> take_link(const L1Url& to, bool is_fresh);
  void keep_link(std::unique_ptr<Link> link);
  void drop_resting(const Link* link);
  [[nodiscard]] std::string head_of(const PostHoldings& command) const;
  [[nodiscard]] std::string head_of_registration(const std::string& target) const;

  struct Resting {
    std::unique_ptr<Link> link;
    uint64_t until_ms;
  };

  uv::Loop& loop_;
  uv::Log& log_;
  L1Url url_;
  std::shared_ptr<const tls::Context> tls_;
  Generation generation_;
  TokenFile* token_file_;
  size_t links_kept_max_;
  L1Session session_;
  uv::Timer clock_;
  uv::Timer sweep_;
  bool is_carrying_out_ = false;

  std::unique_ptr<Link> registration_;
  /// A reply other than 200 to a registration, while its body is read.
  std::optional<L1Refusal> refusal_;
  std::string refusal_body_;
  uv::Timer refusal_timeout_;
  std::unique_ptr<Link> holdings_;
  uv::Timer holdings_timeout_;
  L1Refusal holdings_reply_;
  std::string holdings_body_;

  DataUrls data_urls_;
  Upload::Host upload_host_;
  std::map<Uuid, std::unique_ptr<Upload>> uploads_;
  std::list<Resting> resting_;  ///< Idle connections, the longest idle first; to any URL.
  std::function<void()> on_idle_;
};

}  // namespace daphnis::l2
