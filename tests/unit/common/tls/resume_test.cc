#include "common/tls/session.h"
#include "tests/fakes/certificates.h"
#include "tests/unit/common/pattern.h"
#include "tests/unit/common/tls/two_sides.h"

namespace daphnis::tls::test {
namespace {

using daphnis::test::TestCa;
using Handshake = Session::Handshake;

/// A server and a client's context.
struct Pair {
  Pair() : server(new_server()) {
    auto of_client = client_context({.ca = ca.certificate(), .ca_name = "ca.pem"});
    REQUIRE(of_client);
    client = *of_client;
  }

  /// With ticket keys of its own.
  [[nodiscard]] std::shared_ptr<const Context> new_server(TicketKeys keys = {}) {
    auto made = server_context(
        {.certificates = {ca.issue({"edge.test", "other.test"})}, .ticket_keys = std::move(keys)});
    REQUIRE(made);
    return *made;
  }
  /// Connects, reads an answer, goes without a word, and returns whether it was a resumed session.
  bool connect(const std::string& host, uint16_t port = 443) {
    TwoSides both(server, client, host, port);
    both.connect();
    REQUIRE(write(*both.server, both.server_wire, "answer").bytes == 6);
    REQUIRE(read_all(*both.client, both.client_wire) == "answer");
    REQUIRE(both.client->is_resumed() == both.server->is_resumed());
    return both.client->is_resumed();
  }

  TestCa ca;
  std::shared_ptr<const Context> server;
  std::shared_ptr<const Context> client;
};

}  // namespace

TEST_CASE("a client resumes its sessions with a peer again and again", "[tls]") {
  Pair pair;
  CHECK_FALSE(pair.connect("edge.test"));
  for (int i = 0; i < 20; ++i) CHECK(pair.connect("edge.test"));
}

TEST_CASE("so it does where the server has keys of its own for tickets", "[tls]") {
  Pair pair;
  pair.server = pair.new_server(*TicketKeys::parse(daphnis::test::pattern(160)));
  CHECK_FALSE(pair.connect("edge.test"));
  for (int i = 0; i < 20; ++i) CHECK(pair.connect("edge.test"));
}

TEST_CASE("a session is resumed with the peer alone that it was with", "[tls]") {
  Pair pair;
  CHECK_FALSE(pair.connect("edge.test", 443));
  CHECK_FALSE(pair.connect("edge.test", 8443));
  CHECK_FALSE(pair.connect("other.test", 443));
  CHECK(pair.connect("other.test", 443));
  CHECK(pair.connect("edge.test", 443));
}

TEST_CASE("a ticket that the server cannot open costs a whole handshake, and no more", "[tls]") {
  Pair pair;
  CHECK_FALSE(pair.connect("edge.test"));
  pair.server = pair.new_server();
  CHECK_FALSE(pair.connect("edge.test"));
  CHECK(pair.connect("edge.test"));
}

TEST_CASE("sessions at once each take a ticket of their own", "[tls]") {
  Pair pair;
  CHECK_FALSE(pair.connect("edge.test"));
  // A server gives two after a whole handshake.
  TwoSides first(pair.server, pair.client, "edge.test");
  TwoSides second(pair.server, pair.client, "edge.test");
  TwoSides third(pair.server, pair.client, "edge.test");
  first.connect();
  second.connect();
  third.connect();
  CHECK(first.client->is_resumed());
  CHECK(second.client->is_resumed());
  CHECK_FALSE(third.client->is_resumed());
}

TEST_CASE("a failed handshake makes a client forget its tickets of that peer", "[tls]") {
  Pair pair;
  CHECK_FALSE(pair.connect("edge.test"));
  TwoSides broken(pair.server, pair.client, "edge.test");
  CHECK(broken.client->handshake(broken.client_wire) == Handshake::kWantsRead);
  broken.to_client = "HTTP/1.1 400 Bad Request\r\n\r\n";
  CHECK(broken.client->handshake(broken.client_wire) == Handshake::kFailed);
  CHECK_FALSE(pair.connect("edge.test"));
}

}  // namespace daphnis::tls::test
