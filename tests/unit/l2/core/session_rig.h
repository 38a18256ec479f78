#pragma once

#include <string>
#include <vector>

#include "l2/core/l1_session.h"

namespace daphnis::test {

/// A session and its commands, sorted by kind.
struct SessionRig {
  explicit SessionRig(l2::Generation generation = l2::Generation::kV2, uint32_t capacity = 2,
                      bool has_token = false)
      : session({"home-1", capacity, generation, has_token}, [] { return uint64_t{0}; }) {}

  void collect() {
    for (l2::SessionCommand& command : session.take_commands()) {
      if (auto* open = std::get_if<l2::OpenRegistration>(&command)) opened.push_back(open->target);
      if (std::get_if<l2::CloseRegistration>(&command)) ++closed;
      if (auto* post = std::get_if<l2::PostHoldings>(&command)) posts.push_back(*post);
      if (std::get_if<l2::DropHoldings>(&command)) ++holdings_dropped;
      if (auto* upload = std::get_if<l2::StartUpload>(&command)) uploads.push_back(*upload);
      if (auto* cancel = std::get_if<l2::CancelUpload>(&command)) {
        cancelled.push_back(text_of(cancel->request_id));
      }
      if (auto* told = std::get_if<l2::AcknowledgeCancel>(&command)) {
        acknowledged.push_back(text_of(told->order.request_id));
      }
      if (auto* keep = std::get_if<l2::KeepToken>(&command)) kept_tokens.push_back(keep->token);
      if (auto* log = std::get_if<l2::WriteLog>(&command)) {
        logged.push_back("level=" + std::string(name(log->level)) + " " + log->line.text());
      }
    }
  }
  void feed(const std::string& text) {
    session.on_registration_bytes(as_bytes(text), now);
    collect();
  }
  void registered() {
    session.start(now);
    collect();
    session.on_registration_head(200, {}, now);
    collect();
  }
  static std::string id(int n) { return "0b5a0c7c-6a5a-4f0e-9d2e-00000000000" + std::to_string(n); }
  void order(int n, const std::string& more = "") {
    feed(R"({"requestId":")" + id(n) + R"(","root":"bafkqaaa")" + more + "}\n");
  }
  void cancel(int n) { feed(R"({"cancel":")" + id(n) + "\"}\n"); }
  void done(int n) {
    session.on_upload_done(*parse_uuid(id(n)), now);
    collect();
  }
  void pass(uint64_t ms) {
    now += ms;
    session.on_time(now);
    collect();
  }

  uint64_t now = 1'000'000;
  l2::L1Session session;
  std::vector<std::string> opened;
  int closed = 0;
  std::vector<l2::PostHoldings> posts;
  int holdings_dropped = 0;
  std::vector<l2::StartUpload> uploads;
  std::vector<std::string> cancelled;     ///< Ids of uploads under way.
  std::vector<std::string> acknowledged;  ///< Ids of orders that had not begun.
  std::vector<std::string> kept_tokens;
  std::vector<std::string> logged;
};

}  // namespace daphnis::test
