#include "worker/uv/broker_link.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace daphnis::worker::uv {
namespace {

using daphnis::uv::UniqueFd;

TEST_CASE("a worker does not talk to a socket that another user listens at") {
  constexpr uid_t kNobody = 65534;
  char name[] = "/tmp/daphnis-link-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  const std::string path = folder + "/s";
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  // The owner of the listening socket counts as the peer (unix(7), SO_PEERCRED). Only root can
  // change it.
  REQUIRE(::seteuid(kNobody) == 0);
  REQUIRE(::listen(listener.get(), 4) == 0);
  REQUIRE(::seteuid(0) == 0);

  daphnis::uv::Loop loop;
  size_t connections = 0;
  std::string why;
  const BrokerLink link(loop, path,
                        {.on_connected = [&] { ++connections; },
                         .on_message = [](const auto&, UniqueFd) { return true; },
                         .on_closed = [&](const std::string& text) { why = text; }});
  while (why.empty() && connections == 0) loop.run_once();
  CHECK(connections == 0);
  CHECK(why.find("another user, 65534") != std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace daphnis::worker::uv
