#include "tests/uv/handoff/edge.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "common/ipld/car.h"
#include "common/ipld/hashes.h"

namespace daphnis::test {
namespace {

constexpr uint64_t kPatienceMs = 10'000;

/// A socket that is bound to a free port and does not listen. Workers share their port, so the
/// system cannot choose it for them; and a port that is only free when one looks may be the source
/// of another process's connection a moment later.
uv::UniqueFd hold_port() {
  uv::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
  REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) == 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

}  // namespace

TempFolder::TempFolder() {
  char name[] = "/tmp/daphnis-handoff-XXXXXX";
  path = ::mkdtemp(name);
}

TempFolder::~TempFolder() {
  std::filesystem::remove_all(path);
}

Edge::Edge(const worker::Settings& settings)
    : null_(::open("/dev/null", O_WRONLY | O_CLOEXEC)),
      log_("test", null_.get()),
      settings_(settings),
      held_port_(hold_port()),
      client_port_(uv::bound_port(held_port_.get())) {
  // Both programs ignore SIGPIPE, since a peer may be gone when they write.
  std::signal(SIGPIPE, SIG_IGN);
  start_broker();
  start_worker();
}

Edge::~Edge() {
  worker_.reset();
  broker_.reset();
}

void Edge::start_broker() {
  broker_ =
      std::make_unique<broker::uv::Shell>(loop_, log_, broker::Settings{},
                                          broker::uv::ShellSettings{.socket = folder_.path + "/s",
                                                                    .l2_listen = {"127.0.0.1:0"},
                                                                    .admin_listen = "127.0.0.1:0",
                                                                    .stats_file = "",
                                                                    .attempts_file = ""});
  REQUIRE(broker_->start());
}

void Edge::start_worker() {
  worker_ = add_worker(0);
}

std::unique_ptr<worker::uv::Shell> Edge::add_worker(uint32_t index) {
  const auto newest = [this] {
    const auto& all = broker().workers().all();
    return all.empty() ? broker::WorkerId{} : all.rbegin()->first;
  };
  const broker::WorkerId before = newest();
  auto worker = std::make_unique<worker::uv::Shell>(
      loop_, log_,
      worker::uv::ShellSettings{.socket_path = folder_.path + "/s",
                                .listen = {"127.0.0.1", client_port_},
                                .index = index,
                                .settings = settings_});
  worker->start();
  until([&] {  // The worker accepts clients, and the broker has its copy of the socket.
    return newest() != before && worker->is_listening() &&
           broker().workers().listeners().held_by(newest()) > 0;
  });
  return worker;
}

void Edge::until(const std::function<bool()>& holds) {
  // The timer keeps the loop from waiting for what only the test sees.
  uv::Timer beat(loop_, [] {});
  beat.start(1, 1);
  const uint64_t deadline_ms = loop_.now_ms() + kPatienceMs;
  while (!holds()) {
    REQUIRE(loop_.now_ms() < deadline_ms);
    loop_.run_once();
  }
}

Waiting::Waiting(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::fcntl(fd_.get(), F_SETFL, O_NONBLOCK) == 0);
  const int yes = 1;
  REQUIRE(::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0);
}

void Waiting::send(std::string_view bytes) {
  REQUIRE(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}

void Waiting::read() {
  std::array<char, 64 * 1024> buffer;
  while (!has_ended && fd_) {
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size > 0) {
      received.append(buffer.data(), static_cast<size_t>(size));
    } else if (size < 0 && errno == EAGAIN) {
      return;
    } else {
      has_ended = true;
    }
  }
}

void Waiting::reset() {
  const linger how{.l_onoff = 1, .l_linger = 0};
  REQUIRE(::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &how, sizeof how) == 0);
  close();
}

void Waiting::end() {
  REQUIRE(::shutdown(fd_.get(), SHUT_WR) == 0);
}

Responses responses_in(std::string_view received) {
  http::Parser parser(http::Parser::Kind::kResponse);
  Responses responses;
  Bytes rest = as_bytes(received);
  std::string body;
  while (true) {
    const http::Parser::Step step = parser.step(rest);
    rest = rest.subspan(step.consumed);
    switch (step.event) {
      case http::Parser::Event::kNeedMore:
        return responses;
      case http::Parser::Event::kHead:
        body.clear();
        break;
      case http::Parser::Event::kBody:
        body.append(as_text(step.body));
        break;
      case http::Parser::Event::kEnd:
        responses.statuses.push_back(parser.head().status);
        responses.is_last_kept_alive = parser.head().keep_alive;
        responses.body = body;
        break;
      case http::Parser::Event::kRefused:
        FAIL("not HTTP: " << parser.refusal().detail);
    }
  }
}

Sample::Sample(size_t size, char fill) {
  const std::vector<uint8_t> block(size, static_cast<uint8_t>(fill));
  root = *Hasher().cid_of(codec::kRaw, hash::kSha2_256, block);
  std::array<uint8_t, kCarHeaderWrittenMax> header;
  car.append(as_text({header.data(), write_car_header(root, header)}));
  std::array<uint8_t, kSectionHeadBytesMax> head;
  car.append(as_text({head.data(), write_section_head(root, size, head)}));
  car.append(as_text(block));
}

std::string Sample::request() const {
  return "GET /ipfs/" + root.text() + "?format=car HTTP/1.1\r\nHost: edge\r\n\r\n";
}

std::string Sample::post(const std::string& request_id) const {
  return "POST /data/" + root.text() + "?requestId=" + request_id +
         " HTTP/1.1\r\nHost: l1\r\nContent-Length: " + std::to_string(car.size()) + "\r\n\r\n" +
         car;
}

Home::Home(Edge& edge, const std::string& id) : edge_(edge), registration_(edge, edge.l2_port()) {
  registration_.send("GET /register/" + id + "?v=2&capacity=8 HTTP/1.1\r\nHost: l1\r\n\r\n");
  const size_t before = edge.broker().registrations().registry().size();
  edge.until([&] { return edge.broker().registrations().registry().size() == before + 1; });
}

std::vector<std::string> Home::orders() const {
  constexpr std::string_view kKey = "\"requestId\":\"";
  std::vector<std::string> found;
  size_t at = 0;
  while ((at = registration_.received.find(kKey, at)) != std::string::npos) {
    at += kKey.size();
    found.push_back(registration_.received.substr(at, 36));
  }
  return found;
}

std::string Home::order(size_t number) {
  edge_.until([&] {
    registration_.read();
    return orders().size() > number;
  });
  return orders()[number];
}

}  // namespace daphnis::test
