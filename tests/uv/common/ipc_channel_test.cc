#include "common/uv/ipc_channel.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "common/uv/stream.h"

namespace daphnis::uv {
namespace {

/// A folder for a Unix socket, removed at the end.
struct TempFolder {
  TempFolder() {
    char name[] = "/tmp/daphnis-uv-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

/// A broker's and a worker's end of one channel on one loop.
struct Ends {
  explicit Ends(Loop& loop) {
    auto made = IpcListener::create(loop, folder.path + "/s", [this](UvPtr<uv_pipe_t> pipe) {
      broker = channel(std::move(pipe), broker_frames, broker_closed);
    });
    REQUIRE(made);
    listener = std::move(*made);
    IpcConnector connector(loop, folder.path + "/s", [this](auto pipe) {
      REQUIRE(pipe);
      uv_fileno(reinterpret_cast<uv_handle_t*>(pipe->get()), &worker_fd);
      worker = channel(std::move(*pipe), worker_frames, worker_closed);
    });
    while (!broker || !worker) loop.run_once();
  }

  struct Received {
    std::vector<uint8_t> payload;
    UniqueFd descriptor;
  };

  static std::unique_ptr<IpcChannel> channel(UvPtr<uv_pipe_t> pipe, std::vector<Received>& into,
                                             std::string& closed) {
    return std::make_unique<IpcChannel>(
        std::move(pipe),
        IpcChannel::Events{.on_frame =
                               [&into](Bytes payload, UniqueFd fd) {
                                 into.push_back({{payload.begin(), payload.end()}, std::move(fd)});
                               },
                           .on_closed = [&closed](const std::string& why) { closed = why; }});
  }

  /// Bytes that the kernel has for the worker.
  [[nodiscard]] size_t bytes_on_the_way() const {
    int bytes = 0;
    REQUIRE(::ioctl(worker_fd, FIONREAD, &bytes) == 0);
    return static_cast<size_t>(bytes);
  }

  TempFolder folder;
  uv_os_fd_t worker_fd = -1;
  std::unique_ptr<IpcListener> listener;
  std::unique_ptr<IpcChannel> broker;
  std::unique_ptr<IpcChannel> worker;
  std::vector<Received> broker_frames;
  std::vector<Received> worker_frames;
  std::string broker_closed;
  std::string worker_closed;
};

std::pair<UniqueFd, UniqueFd> socket_pair() {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::vector<uint8_t> handoff_frame(uint64_t cookie) {
  ipc::Handoff handoff;
  handoff.cookie = cookie;
  handoff.received.assign(5000, 'h');
  return ipc::Codec().encode(ipc::BrokerToWorker(handoff), ipc::Carries::kDescriptor);
}

uint64_t cookie_in(const std::vector<uint8_t>& payload) {
  const auto message = ipc::Codec().decode_broker_to_worker(payload);
  REQUIRE(message);
  return std::get<ipc::Handoff>(*message).cookie;
}

}  // namespace

TEST_CASE("a descriptor arrives with the frame that announces it and carries its bytes") {
  Loop loop;
  Ends ends(loop);
  constexpr size_t kHandoffs = 100;
  std::vector<UniqueFd> peers;
  for (size_t i = 0; i < kHandoffs; ++i) {
    auto [ours, peer] = socket_pair();
    REQUIRE(::write(peer.get(), &i, sizeof i) == sizeof i);
    const uint64_t cookie = socket_cookie(ours.get());
    ends.broker->send(loop, handoff_frame(cookie), std::move(ours));
    ends.broker->send(
        ipc::Codec().encode(ipc::BrokerToWorker(ipc::Ping{i}), ipc::Carries::kNothing));
    peers.push_back(std::move(peer));
  }
  while (ends.worker_frames.size() < 2 * kHandoffs) loop.run_once();
  for (size_t i = 0; i < kHandoffs; ++i) {
    CAPTURE(i);
    auto& frame = ends.worker_frames[2 * i];
    REQUIRE(frame.descriptor);
    CHECK(socket_cookie(frame.descriptor.get()) == cookie_in(frame.payload));
    size_t number = 0;
    CHECK(::read(frame.descriptor.get(), &number, sizeof number) == sizeof number);
    CHECK(number == i);
    CHECK_FALSE(ends.worker_frames[2 * i + 1].descriptor);
  }
  CHECK(ends.broker->descriptors_queued() == 0);
}

TEST_CASE("a frame with a descriptor is written together with those behind it") {
  Loop loop;
  Ends ends(loop);
  const auto ping = [](uint64_t number) {
    return ipc::Codec().encode(ipc::BrokerToWorker(ipc::Ping{number}), ipc::Carries::kNothing);
  };
  ends.broker->send(ping(1));
  auto [ours, peer] = socket_pair();
  ends.broker->send(loop, handoff_frame(1), std::move(ours));
  ends.broker->send(ping(2));
  CHECK(ends.bytes_on_the_way() == ping(1).size());
  loop.run_once(UV_RUN_NOWAIT);
  while (ends.worker_frames.size() < 3) loop.run_once();
  REQUIRE(ends.worker_frames.size() == 3);
  CHECK(ends.worker_frames[1].descriptor);
  CHECK_FALSE(ends.worker_frames[2].descriptor);
}

TEST_CASE("a descriptor goes to the worker and back again") {
  Loop loop;
  Ends ends(loop);
  auto [ours, peer] = socket_pair();
  const uint64_t cookie = socket_cookie(ours.get());
  ends.broker->send(loop, handoff_frame(cookie), std::move(ours));
  while (ends.worker_frames.empty()) loop.run_once();
  ends.worker->send(loop,
                    ipc::Codec().encode(ipc::WorkerToBroker(ipc::ReturnSocket{cookie, {'x'}}),
                                        ipc::Carries::kDescriptor),
                    std::move(ends.worker_frames[0].descriptor));
  while (ends.broker_frames.empty()) loop.run_once();
  REQUIRE(ends.broker_frames[0].descriptor);
  CHECK(socket_cookie(ends.broker_frames[0].descriptor.get()) == cookie);
}

TEST_CASE("a descriptor that was lost for lack of free numbers does not pair with its frame") {
  Loop loop;
  Ends ends(loop);
  std::vector<UniqueFd> peers;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  auto [first, first_peer] = socket_pair();
  auto [second, second_peer] = socket_pair();
  const uint64_t second_cookie = socket_cookie(second.get());
  ends.broker->send(loop, handoff_frame(socket_cookie(first.get())), std::move(first));
  // No descriptor number is free below the limit, so the kernel drops the first descriptor.
  rlimit none = before;
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);
  while (ends.worker_frames.empty()) loop.run_once();
  setrlimit(RLIMIT_NOFILE, &before);
  ends.broker->send(loop, handoff_frame(second_cookie), std::move(second));
  while (ends.worker_frames.size() < 2) loop.run_once();
  CHECK_FALSE(ends.worker_frames[0].descriptor);
  REQUIRE(ends.worker_frames[1].descriptor);
  CHECK(socket_cookie(ends.worker_frames[1].descriptor.get()) == second_cookie);
}

TEST_CASE("a worker that dies with a descriptor in flight closes it") {
  Loop loop;
  Ends ends(loop);
  auto [ours, peer] = socket_pair();
  ends.broker->send(loop, handoff_frame(1), std::move(ours));
  ends.broker->flush();  // The kernel has the descriptor now, and the worker has not read it yet.
  ends.worker.reset();
  while (ends.broker_closed.empty()) loop.run_once();
  ends.broker.reset();
  loop.run_once(UV_RUN_NOWAIT);
  char byte = 0;
  CHECK(::read(peer.get(), &byte, 1) == 0);
}

TEST_CASE("a peer that sends no frames is disconnected with a reason") {
  Loop loop;
  Ends ends(loop);
  ends.worker->send(std::vector<uint8_t>(64, 0xff));
  while (ends.broker_closed.empty()) loop.run_once();
  CHECK(ends.broker_closed.find("malformed") != std::string::npos);
}

TEST_CASE("a descriptor that no frame announces ends the connection") {
  Loop loop;
  Ends ends(loop);
  auto [ours, peer] = socket_pair();
  auto frame = handoff_frame(1);
  frame[4] = 0;
  ends.broker->send(loop, std::move(frame), std::move(ours));
  while (ends.worker_closed.empty()) loop.run_once();
  CHECK(ends.worker_closed.find("descriptor") != std::string::npos);
}

TEST_CASE("a second broker on one socket path is refused and a dead one's path is taken over") {
  Loop loop;
  TempFolder folder;
  const std::string path = folder.path + "/s";
  {
    auto first = IpcListener::create(loop, path, [](auto) {});
    REQUIRE(first);
    struct stat about {};
    REQUIRE(::stat(path.c_str(), &about) == 0);
    CHECK((about.st_mode & 0777) == 0600);
    const auto second = IpcListener::create(loop, path, [](auto) {});
    REQUIRE_FALSE(second);
    CHECK(second.error().detail.find("another broker") != std::string::npos);
  }
  const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK(IpcListener::create(loop, path, [](auto) {}));
  CHECK_FALSE(IpcListener::create(loop, std::string(120, 'x'), [](auto) {}));
}

}  // namespace daphnis::uv
