// bench_overload PORT CONNECTIONS RATE SECONDS HOT_OF_100 PATHS HOT_PATHS FIRST: asks 127.0.0.1 for
// RATE paths a second, an open loop: requests go out on schedule, whether or not those before them
// are answered. HOT_OF_100 of each hundred are for HOT_PATHS, the others go through PATHS from line
// FIRST on. Prints one line of JSON; "cpu" and "ran" are its own seconds, of all that it did.
//
// All connections are open beforehand and are used again, the one that was free last first, so that
// a server without a backlog sees few of them. A request that finds none free is not sent, and
// counted. What comes of a request within kPatienceMs after the last one went out is counted too.

#include <arpa/inet.h>
#include <fcntl.h>
#include <llhttp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/cpu_seconds.h"

namespace {

constexpr uint64_t kInTimeUs = 1'000'000;  ///< A 200 that takes longer is no goodput.
constexpr uint64_t kPatienceMs = 3'000;    ///< For answers after the last request.
constexpr uint64_t kTurnUs = 500;          ///< Requests go out in bursts, this far apart.
constexpr uint64_t kWarmUpUs = 2'000'000;  ///< Requests of the first seconds are not counted.
constexpr size_t kReadBytes = 256 * 1024;
constexpr int kEventsMax = 512;
constexpr int kNumberBase = 10;

uint64_t now_us() {
  using std::chrono::steady_clock;
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now().time_since_epoch())
          .count());
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// All times that were taken, and which is at what share of them.
class Times {
 public:
  void add(uint64_t us) {
    all_.push_back(static_cast<uint32_t>(std::min<uint64_t>(us, UINT32_MAX)));
  }
  [[nodiscard]] size_t size() const { return all_.size(); }
  /// In milliseconds; 0 where there are none.
  [[nodiscard]] double at(double share) {
    if (all_.empty()) return 0;
    const auto place = static_cast<size_t>(share * static_cast<double>(all_.size() - 1));
    std::ranges::nth_element(all_, all_.begin() + static_cast<std::ptrdiff_t>(place));
    return all_[place] / 1e3;
  }

 private:
  std::vector<uint32_t> all_;
};

struct Tally {
  uint64_t due = 0;     ///< Requests that the schedule had.
  uint64_t unsent = 0;  ///< Of these, no connection was free.
  uint64_t late = 0;    ///< 200 after kInTimeUs.
  uint64_t other = 0;   ///< Any other status, or a 503 without Retry-After.
  uint64_t broken = 0;  ///< The connection ended before the answer did.
  uint64_t hot_in_time = 0;
  Times in_time;   ///< 200.
  Times refusals;  ///< 503 with Retry-After.
  Times lags;      ///< From a request's time in the schedule until it went out.
};

struct Client {
  int fd = -1;
  llhttp_t parser{};
  uint64_t sent_us = 0;
  bool is_waiting = false;
  bool is_hot = false;
  bool is_counted = false;
  std::string field;  ///< The name of the header field that is being read.
  bool has_retry_after = false;
  bool is_done = false;
  bool goes_on = false;  ///< The connection is open after the answer.
};

int on_field(llhttp_t* parser, const char* at, size_t size) {
  static_cast<Client*>(parser->data)->field.append(at, size);
  return 0;
}

int on_field_complete(llhttp_t* parser) {
  auto& client = *static_cast<Client*>(parser->data);
  client.has_retry_after |= client.field == "Retry-After";
  client.field.clear();
  return 0;
}

int on_complete(llhttp_t* parser) {
  auto& client = *static_cast<Client*>(parser->data);
  client.is_done = true;
  client.goes_on = llhttp_should_keep_alive(parser) != 0;  // Right only within this call.
  return 0;
}

std::vector<std::string> requests_of(const char* path) {
  std::ifstream file(path);
  if (!file) fail(path);
  std::vector<std::string> requests;
  for (std::string line; std::getline(file, line);) {
    requests.push_back("GET " + line + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  }
  return requests;
}

struct Plan {
  uint16_t port = 0;
  size_t connections = 0;
  double rate = 0;
  uint64_t seconds = 0;
  uint64_t hot_of_100 = 0;
  std::vector<std::string> cold;
  std::vector<std::string> hot;
  size_t next_cold = 0;
};

class Generator {
 public:
  explicit Generator(Plan plan) : plan_(std::move(plan)), buffer_(kReadBytes) {
    llhttp_settings_init(&settings_);
    settings_.on_header_field = on_field;
    settings_.on_header_field_complete = on_field_complete;
    settings_.on_message_complete = on_complete;
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) fail("epoll_create1");
    for (size_t n = 0; n < plan_.connections; ++n) {
      clients_.push_back(std::make_unique<Client>());
      open(*clients_.back());
      free_.push_back(clients_.back().get());
    }
  }

  void run() {
    const uint64_t started_us = now_us();
    const uint64_t end_us = started_us + kWarmUpUs + plan_.seconds * 1'000'000;
    uint64_t due = 0;
    for (uint64_t now = started_us; now < end_us; now = now_us()) {
      const uint64_t turn_us = (now - started_us) / kTurnUs * kTurnUs;
      const auto due_now = static_cast<uint64_t>(static_cast<double>(turn_us) / 1e6 * plan_.rate);
      for (; due < due_now; ++due) {
        const uint64_t at_us =
            started_us + static_cast<uint64_t>(static_cast<double>(due) / plan_.rate * 1e6);
        ask(at_us, at_us - started_us >= kWarmUpUs);
      }
      await(std::max<int64_t>(
          static_cast<int64_t>(started_us + turn_us + kTurnUs) - static_cast<int64_t>(now_us()),
          0));
    }
    const uint64_t patience_us = now_us() + kPatienceMs * 1'000;
    while (now_us() < patience_us && free_.size() < clients_.size()) await(kTurnUs);
  }

  [[nodiscard]] Tally& tally() { return tally_; }
  /// Requests without an answer.
  [[nodiscard]] uint64_t unanswered() const {
    return static_cast<uint64_t>(std::ranges::count_if(
        clients_, [](const auto& c) { return c->is_waiting && c->is_counted; }));
  }
  [[nodiscard]] size_t next_cold() const { return plan_.next_cold; }

 private:
  void open(Client& client) {
    client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client.fd < 0) fail("socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(plan_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(client.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      fail("connect");
    }
    fcntl(client.fd, F_SETFL, O_NONBLOCK);
    const int on = 1;
    setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &client}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event) != 0) fail("epoll_ctl");
    llhttp_init(&client.parser, HTTP_RESPONSE, &settings_);
    client.parser.data = &client;
    client.is_waiting = client.has_retry_after = client.is_done = false;
    client.field.clear();
  }

  void ask(uint64_t at_us, bool is_counted) {
    const bool is_hot = number_++ * plan_.hot_of_100 % 100 < plan_.hot_of_100 && plan_.hot_of_100;
    tally_.due += is_counted ? 1 : 0;
    if (free_.empty()) {
      tally_.unsent += is_counted ? 1 : 0;
      return;
    }
    Client& client = *free_.back();
    free_.pop_back();
    const std::string& request = is_hot ? plan_.hot[next_hot_++ % plan_.hot.size()]
                                        : plan_.cold[plan_.next_cold++ % plan_.cold.size()];
    client.sent_us = now_us();
    client.is_waiting = true;
    client.is_hot = is_hot;
    client.is_counted = is_counted;
    if (is_counted) tally_.lags.add(client.sent_us - at_us);
    if (send(client.fd, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      on_closed(client);
    }
  }

  void await(int64_t us) {
    std::array<epoll_event, kEventsMax> events{};
    const timespec wait{.tv_sec = 0, .tv_nsec = us * 1'000};
    const int count = epoll_pwait2(epoll_, events.data(), kEventsMax, &wait, nullptr);
    for (int n = 0; n < count; ++n) {
      read(*static_cast<Client*>(events[static_cast<size_t>(n)].data.ptr));
    }
  }

  void read(Client& client) {
    const ssize_t count = recv(client.fd, buffer_.data(), buffer_.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return on_closed(client);
    if (llhttp_execute(&client.parser, buffer_.data(), static_cast<size_t>(count)) != HPE_OK) {
      return on_closed(client);
    }
    if (!client.is_done) return;
    note(client);
    client.is_waiting = client.is_done = client.has_retry_after = false;
    if (!client.goes_on) reopen(client);
    free_.push_back(&client);
  }

  void note(const Client& client) {
    if (!client.is_counted) return;
    const uint64_t took_us = now_us() - client.sent_us;
    const auto status = client.parser.status_code;
    if (status == 200 && took_us <= kInTimeUs) {
      tally_.in_time.add(took_us);
      tally_.hot_in_time += client.is_hot ? 1 : 0;
    } else if (status == 200) {
      ++tally_.late;
    } else if (status == 503 && client.has_retry_after) {
      tally_.refusals.add(took_us);
    } else {
      ++tally_.other;
    }
  }

  void on_closed(Client& client) {
    const bool was_waiting = client.is_waiting;
    tally_.broken += was_waiting && client.is_counted ? 1 : 0;
    reopen(client);
    if (was_waiting) free_.push_back(&client);
  }

  void reopen(Client& client) {
    close(client.fd);
    open(client);
  }

  Plan plan_;
  llhttp_settings_t settings_{};
  int epoll_ = -1;
  std::vector<char> buffer_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Client*> free_;
  uint64_t number_ = 0;
  size_t next_hot_ = 0;
  Tally tally_;
};

}  // namespace

int main(int argc, char** argv) {
  constexpr int kArguments = 9;
  if (argc != kArguments) {
    std::fprintf(stderr,
                 "usage: bench_overload PORT CONNECTIONS RATE SECONDS HOT_OF_100 PATHS HOT_PATHS "
                 "FIRST\n");
    return 2;
  }
  const auto number = [&](int n) { return std::strtoull(argv[n], nullptr, kNumberBase); };
  Plan plan{.port = static_cast<uint16_t>(number(1)),
            .connections = number(2),
            .rate = std::strtod(argv[3], nullptr),
            .seconds = number(4),
            .hot_of_100 = number(5),
            .cold = requests_of(argv[6]),
            .hot = requests_of(argv[7]),
            .next_cold = number(8)};
  Generator generator(std::move(plan));
  const double cpu_before = cpu_seconds();
  const uint64_t started_us = now_us();
  generator.run();
  const double ran_s = static_cast<double>(now_us() - started_us) / 1e6;
  Tally& tally = generator.tally();
  std::printf(R"({"due":%lu,"unsent":%lu,"in_time":%zu,"hot_in_time":%lu,"late":%lu,"refused":%zu,)"
              R"("other":%lu,"broken":%lu,"unanswered":%lu,"next":%zu,"cpu":%.3f,"ran":%.3f,)"
              R"("ok_p50":%.2f,"ok_p99":%.2f,"refused_p50":%.2f,"refused_p99":%.2f,)"
              R"("lag_p50":%.2f,"lag_p99":%.2f})"
              "\n",
              tally.due, tally.unsent, tally.in_time.size(), tally.hot_in_time, tally.late,
              tally.refusals.size(), tally.other, tally.broken, generator.unanswered(),
              generator.next_cold(), cpu_seconds() - cpu_before, ran_s, tally.in_time.at(0.5),
              tally.in_time.at(0.99), tally.refusals.at(0.5), tally.refusals.at(0.99),
              tally.lags.at(0.5), tally.lags.at(0.99));
  return 0;
}
