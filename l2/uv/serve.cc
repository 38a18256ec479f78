#include "l2/uv/serve.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>

#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/log_file.h"
#include "common/uv/loop.h"
#include "l2/disk/own_id.h"
#include "l2/disk/store.h"
#include "l2/disk/store_lock.h"
#include "l2/uv/l1_client.h"
#include "l2/uv/store_watch.h"

namespace daphnis::l2 {
namespace {

/// The L2 registers after this time even if a large store is not yet indexed to its end: a
/// not-found costs L1s little, and holdings are announced as they become known.
constexpr uint64_t kRegisterAnywayMs = 3'000;

/// The running L2. Owned by serve(), destroyed before its loop.
class Server {
 public:
  Server(uv::Loop& loop, uv::Log& log, Store& store, const ServeSettings& settings,
         const std::string& l2_id, TokenFile* token_file, const uv::LogFile& log_file);

 private:
  void begin();
  void stop();
  void finish();

  uv::Loop& loop_;
  uv::Log& log_;
  Store& store_;
  std::vector<std::unique_ptr<L1Client>> clients_;
  std::unique_ptr<StoreWatch> watch_;
  uv::Timer begin_anyway_;
  uv::Timer drain_timeout_;
  uv::Signal on_term_;
  uv::Signal on_int_;
  uv::Signal on_rotated_;
  uv::EachTurn flush_log_;
  bool has_begun_ = false;
  bool is_stopping_ = false;
};

Random random_source() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device()};
  auto engine = std::make_shared<std::mt19937_64>(seed);
  return [engine] { return (*engine)(); };
}

Server::Server(uv::Loop& loop, uv::Log& log, Store& store, const ServeSettings& settings,
               const std::string& l2_id, TokenFile* token_file, const uv::LogFile& log_file)
    : loop_(loop),
      log_(log),
      store_(store),
      begin_anyway_(loop, [this] { begin(); }),
      drain_timeout_(loop, [this] { finish(); }),
      on_term_(loop, SIGTERM, [this] { stop(); }),
      on_int_(loop, SIGINT, [this] { stop(); }),
      on_rotated_(loop, SIGUSR1,
                  [this, &log_file] {
                    if (const auto opened = log_file.open(); !opened) {
                      LogLine line("log_file_not_reopened");
                      log_.error(line.add("error", opened.error().text()));
                    }
                  }),
      flush_log_(loop, [this] { log_.flush(); }) {
  const SessionSettings session{.l2_id = l2_id,
                                .capacity = settings.capacity,
                                .generation = settings.generation,
                                .has_token = token_file != nullptr};
  const Random random = random_source();
  for (const L1Url& url : settings.l1s) {
    clients_.push_back(std::make_unique<L1Client>(loop, log, store, url, settings.tls, session,
                                                  random, token_file, settings.data_url_ms));
  }
  const auto tell_all = [this](const Holdings& holdings, bool is_complete) {
    for (auto& client : clients_) client->on_holdings(holdings, is_complete);
  };
  watch_ = std::make_unique<StoreWatch>(
      loop, log, store, settings.store,
      StoreWatch::Events{.on_holdings = tell_all, .on_caught_up = [this] { begin(); }});
  begin_anyway_.start(kRegisterAnywayMs);
}

void Server::begin() {
  if (std::exchange(has_begun_, true)) return;
  begin_anyway_.stop();
  for (auto& client : clients_) client->start();
}

void Server::stop() {
  if (std::exchange(is_stopping_, true)) return finish();  // A second signal ends it at once.
  log_.info(LogLine("stopping"));
  has_begun_ = true;
  begin_anyway_.stop();
  watch_.reset();
  drain_timeout_.start(limits::kL2DrainMs);
  for (auto& client : clients_) {
    client->drain([this] {
      const bool is_idle =
          std::ranges::all_of(clients_, [](const auto& one) { return one->uploads() == 0; });
      if (is_idle) drain_timeout_.start(0);  // Calls finish(), but not from inside a client.
    });
  }
}

void Server::finish() {
  store_.stop();
  watch_.reset();
  clients_.clear();
  drain_timeout_.stop();
}

}  // namespace

int serve(const ServeSettings& settings) {
  const uv::LogFile log_file(settings.log_file);
  if (const auto opened = log_file.open(); !opened) {
    std::fprintf(stderr, "daphnis-l2: %s\n", opened.error().text().c_str());
    return opened.error().code == Errc::kInvalid ? 2 : 1;
  }
  uv::Log log("l2");
  log.set_level(settings.log_level);
  const auto lock = StoreLock::take(settings.store);
  if (!lock && lock.error().code == Errc::kInvalid) {
    std::fprintf(stderr, "daphnis-l2: %s\n", lock.error().detail.c_str());
    return 1;
  }
  if (!lock) log.warn(LogLine("store_not_locked").add("error", lock.error().text()));
  std::optional<TokenFile> token_file;
  if (!settings.token_file.empty()) {
    token_file.emplace(settings.token_file);
    if (token_file->is_open_to_others()) {
      LogLine line("token_file_open");
      log.warn(line.add("file", settings.token_file)
                   .add("advice", "others can read this token: chmod 600 it"));
    }
  }
  std::string l2_id = settings.l2_id;
  if (l2_id.empty()) {
    auto own = own_id(settings.store);
    if (!own) {
      std::fprintf(stderr, "daphnis-l2: %s\n", own.error().text().c_str());
      return 1;
    }
    l2_id = std::move(*own);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);  // There are no settings to read again, and no terminal is needed.
  uv::raise_descriptor_limit();
  LogLine line("serving");
  log.info(line.add("id", l2_id).add("store", settings.store).add("l1s", settings.l1s.size()));

  Store store(settings.store);
  uv::Loop loop;
  {
    const Server server(loop, log, store, settings, l2_id, token_file ? &*token_file : nullptr,
                        log_file);
    loop.run();  // Runs until stop(), and until the work in the thread pool is done.
  }
  log.info(LogLine("stopped"));
  log.flush();
  return 0;
}

}  // namespace daphnis::l2
