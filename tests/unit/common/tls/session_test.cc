#include "common/tls/session.h"

#include <algorithm>

#include "common/base/limits.h"
#include "tests/fakes/certificates.h"
#include "tests/unit/common/pattern.h"
#include "tests/unit/common/tls/two_sides.h"

namespace daphnis::tls::test {
namespace {

using daphnis::test::KeyKind;
using daphnis::test::TestCa;
using Handshake = Session::Handshake;

std::shared_ptr<const Context> server_of(std::vector<CertificateText> certificates,
                                         TicketKeys keys = {}) {
  auto made =
      server_context({.certificates = std::move(certificates), .ticket_keys = std::move(keys)});
  REQUIRE(made);
  return *made;
}

std::shared_ptr<const Context> client_of(const TestCa& ca) {
  auto made = client_context({.ca = ca.certificate(), .ca_name = "ca.pem"});
  REQUIRE(made);
  return *made;
}

}  // namespace

TEST_CASE("content goes through a session both ways, whatever the wire makes of it", "[tls]") {
  TestCa ca;
  TwoSides both(server_of({ca.issue({"edge.test"})}), client_of(ca), "edge.test");
  both.server_wire.most = GENERATE(size_t{1}, size_t{7}, size_t{16'000}, SIZE_MAX);
  both.client_wire.most = both.server_wire.most;
  both.connect();
  CHECK(both.server->problem().empty());
  const std::string question(300, 'q');
  const std::string answer(100'000, 'a');
  CHECK(write(*both.client, both.client_wire, question).bytes == question.size());
  std::string got;
  while (got.size() < question.size()) got += read_all(*both.server, both.server_wire);
  CHECK(got == question);
  CHECK(write(*both.server, both.server_wire, answer).bytes == answer.size());
  got.clear();
  for (int i = 0; i < 200'000 && got.size() < answer.size(); ++i) {
    got += read_all(*both.client, both.client_wire);
  }
  CHECK(got == answer);
}

TEST_CASE("a read takes the wire once and leaves nothing behind that does not fit", "[tls]") {
  TestCa ca;
  TwoSides both(server_of({ca.issue({"edge.test"})}), client_of(ca), "edge.test");
  both.connect();
  std::string sent;
  for (int i = 0; i < 5; ++i) {
    const std::string piece(20'000, static_cast<char>('a' + i));
    REQUIRE(write(*both.server, both.server_wire, piece).bytes == piece.size());
    sent += piece;
  }
  std::string got;
  std::string small(700, '\0');
  const std::span<uint8_t> out(reinterpret_cast<uint8_t*>(small.data()), small.size());
  both.client_wire.reads = 0;
  const Moved first = both.client->read(both.client_wire, out);
  CHECK(first.bytes == small.size());
  CHECK(both.client_wire.reads == 1);
  CHECK(both.client->has_unread());
  got.append(small, 0, first.bytes);
  while (both.client->has_unread()) {
    const Moved next = both.client->read(both.client_wire, out);
    REQUIRE(next.outcome == Moved::Outcome::kBytes);
    got.append(small, 0, next.bytes);
  }
  CHECK(got == sent);
}

TEST_CASE("a record that the wire does not take whole counts as taken and is flushed", "[tls]") {
  TestCa ca;
  TwoSides both(server_of({ca.issue({"edge.test"})}), client_of(ca), "edge.test");
  both.connect();
  read_all(*both.client, both.client_wire);
  const std::string text(50'000, 'x');
  both.server_wire.space = 20'000;  // A record and a part of the second.
  const Session::Written written = write(*both.server, both.server_wire, text);
  CHECK(written.is_blocked);
  CHECK(written.bytes == 2 * limits::kTlsRecordBytes);
  CHECK(both.server->has_unsent());
  CHECK(both.server->flush(both.server_wire).is_blocked);
  both.server_wire.space = SIZE_MAX;
  const Session::Written flushed = both.server->flush(both.server_wire);
  CHECK_FALSE(flushed.is_blocked);
  CHECK(flushed.bytes == 0);
  CHECK_FALSE(both.server->has_unsent());
  const std::string rest = text.substr(written.bytes);
  CHECK(write(*both.server, both.server_wire, rest).bytes == rest.size());
  CHECK(read_all(*both.client, both.client_wire) == text);
}

TEST_CASE("small views share a record, and only the last of several goes out alone", "[tls]") {
  TestCa ca;
  TwoSides both(server_of({ca.issue({"edge.test"})}), client_of(ca), "edge.test");
  both.connect();
  read_all(*both.client, both.client_wire);
  const std::string head = "head";
  const std::string body(limits::kTlsRecordBytes + 100, 'b');
  const std::vector<Bytes> views{as_bytes(head), {}, as_bytes(body), as_bytes(head)};
  both.server_wire.writes = 0;
  const auto written = both.server->write(both.server_wire, views, false);
  CHECK(written.bytes == 2 * head.size() + body.size());
  CHECK(both.server_wire.writes == 2);
  CHECK_FALSE(both.server_wire.had_more);
  CHECK(read_all(*both.client, both.client_wire) == head + body + head);
  const Bytes alone = as_bytes(head);
  CHECK(both.server->write(both.server_wire, {&alone, 1}, true).bytes == head.size());
  CHECK(both.server_wire.had_more);
}

TEST_CASE("a peer's end is seen, with or without a word of it", "[tls]") {
  TestCa ca;
  TwoSides both(server_of({ca.issue({"edge.test"})}), client_of(ca), "edge.test");
  both.connect();
  uint8_t byte = 0;
  SECTION("with one") {
    both.client->end(both.client_wire);
  }
  SECTION("without one") {
    both.server_wire.has_ended = true;
  }
  CHECK(both.server->read(both.server_wire, {&byte, 1}).outcome == Moved::Outcome::kEnd);
  // Its side alone has ended.
  CHECK(write(*both.server, both.server_wire, "answer").bytes == 6);
  CHECK(read_all(*both.client, both.client_wire) == "answer");
}

TEST_CASE("a client takes only a certificate that is for the name and of a CA it trusts", "[tls]") {
  TestCa ca;
  TestCa other("another CA of tests");
  const auto good = ca.issue({"edge.test"});
  const auto with_addresses = ca.issue({"edge.test", "IP:192.0.2.7", "IP:2001:db8::7"});
  const auto expired = ca.issue({"edge.test"}, KeyKind::kP256, -60);
  struct Case {
    CertificateText certificate;
    std::string host;
    std::string why;
    Fault fault;
  };
  const Case cases[] = {
      {good, "edge.test", "", Fault::kNone},
      {good, "other.test", "is for edge.test, and not for other.test", Fault::kWrongName},
      {good, "127.0.0.1", "is for edge.test, and not for 127.0.0.1", Fault::kWrongName},
      {with_addresses, "192.0.2.7", "", Fault::kNone},
      {with_addresses, "192.0.2.8",
       "is for edge.test, 192.0.2.7, 2001:db8::7, and not for 192.0.2.8", Fault::kWrongName},
      {expired, "edge.test", "the certificate has expired on 2", Fault::kOutOfDate},
      {other.issue({"edge.test"}), "edge.test", "signed by \"another CA of tests\"",
       Fault::kNotTrusted}};
  for (const Case& each : cases) {
    CAPTURE(each.host, each.why);
    TwoSides both(server_of({each.certificate}), client_of(ca), each.host);
    const auto [of_client, of_server] = both.shake();
    CHECK(of_client == (each.why.empty() ? Handshake::kDone : Handshake::kFailed));
    CHECK(both.client->problem().find(each.why) != std::string::npos);
    CHECK(both.client->fault() == each.fault);
    if (!each.why.empty()) CHECK(of_server == Handshake::kFailed);
  }
}

TEST_CASE("a server shows the certificate for the name that it is asked for", "[tls]") {
  TestCa ca;
  const auto server =
      server_of({ca.issue({"first.test"}), ca.issue({"second.test"}), ca.issue({"*.third.test"}),
                 ca.issue({"second.test"}, KeyKind::kRsa)});
  for (const std::string host : {"first.test", "second.test", "w1.third.test"}) {
    TwoSides both(server, client_of(ca), host);
    CHECK(both.shake().first == Handshake::kDone);
  }
  TwoSides unknown(server, client_of(ca), "fourth.test");
  CHECK(unknown.shake().first == Handshake::kFailed);
  CHECK(unknown.client->problem().find("and not for fourth.test") != std::string::npos);
}

TEST_CASE("what is no handshake fails it, at the first bytes", "[tls]") {
  TestCa ca;
  TwoSides both(server_of({ca.issue({"edge.test"})}), client_of(ca), "edge.test");
  both.to_server = "GET / HTTP/1.1\r\nHost: edge\r\n\r\n";
  CHECK(both.server->handshake(both.server_wire) == Handshake::kFailed);
  CHECK(both.server->problem() == "http request");
}

TEST_CASE("a client says that its peer speaks no TLS", "[tls]") {
  TestCa ca;
  TwoSides both(server_of({ca.issue({"edge.test"})}), client_of(ca), "edge.test");
  CHECK(both.client->handshake(both.client_wire) == Handshake::kWantsRead);
  both.to_client = GENERATE("HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n");
  CHECK(both.client->handshake(both.client_wire) == Handshake::kFailed);
  CHECK(both.client->fault() == Fault::kNotTls);
  CHECK(both.client->problem() == "the peer does not speak TLS");
}

TEST_CASE("each side says what the other refused", "[tls]") {
  TestCa ca;
  TestCa other("another CA of tests");
  TwoSides both(server_of({other.issue({"edge.test"})}), client_of(ca), "edge.test");
  both.shake();
  CHECK(both.server->problem() == "the peer refused: unknown CA");
  CHECK(both.server->fault() == Fault::kCertificateRefused);
}

TEST_CASE("a peer that goes in the handshake fails it", "[tls]") {
  TestCa ca;
  TwoSides both(server_of({ca.issue({"edge.test"})}), client_of(ca), "edge.test");
  both.server_wire.has_ended = true;
  CHECK(both.server->handshake(both.server_wire) == Handshake::kFailed);
  CHECK_FALSE(both.server->problem().empty());
}

TEST_CASE("no byte that was changed on its way is taken for content", "[tls]") {
  TestCa ca;
  TwoSides both(server_of({ca.issue({"edge.test"})}), client_of(ca), "edge.test");
  both.connect();
  REQUIRE(write(*both.client, both.client_wire, "content").bytes == 7);
  both.to_server.back() = static_cast<char>(both.to_server.back() ^ 1);
  uint8_t byte = 0;
  CHECK(both.server->read(both.server_wire, {&byte, 1}).outcome == Moved::Outcome::kLost);
  CHECK_FALSE(both.server->problem().empty());
}

TEST_CASE("a certificate that cannot be used is refused with its file's name", "[tls]") {
  TestCa ca;
  const auto good = ca.issue({"edge.test"});
  const auto problem_of = [](std::vector<CertificateText> certificates) {
    const auto made = server_context({.certificates = std::move(certificates)});
    REQUIRE_FALSE(made);
    return made.error().detail;
  };
  CHECK(problem_of({}).find("no certificate") != std::string::npos);
  CertificateText bad = good;
  bad.chain = "junk";
  CHECK(problem_of({bad}).find("edge.test.pem holds no certificate") == 0);
  bad = good;
  bad.key = "junk";
  CHECK(problem_of({bad}).find("edge.test.key holds no private key") == 0);
  bad.key = ca.issue({"edge.test"}).key;
  CHECK(problem_of({bad}).find("edge.test.key is not the key of") == 0);
  CHECK(problem_of(std::vector(limits::kTlsCertificatesMax + 1, good)).find("too many") !=
        std::string::npos);
  const auto no_ca = client_context({.ca = "junk", .ca_name = "ca.pem"});
  REQUIRE_FALSE(no_ca);
  CHECK(no_ca.error().detail.find("ca.pem") == 0);
  const auto no_key = client_context({.ca = ca.certificate(), .certificate = bad});
  REQUIRE_FALSE(no_key);
  CHECK(no_key.error().detail.find("edge.test.key is not the key of") == 0);
}

TEST_CASE("ticket keys are read as nginx takes them", "[tls]") {
  const std::vector<uint8_t> file = daphnis::test::pattern(160);
  const auto keys = TicketKeys::parse(file);
  REQUIRE(keys);
  CHECK(std::ranges::equal(keys->first().name, Bytes(file).first(16)));
  CHECK(keys->find(Bytes(file).subspan(80).first<16>()) != &keys->first());
  CHECK(keys->find(Bytes(file).subspan(80).first<16>()) != nullptr);
  CHECK(keys->find(Bytes(file).subspan(1).first<16>()) == nullptr);
  CHECK_FALSE(TicketKeys::parse({}));
  CHECK_FALSE(TicketKeys::parse(Bytes(file).first(100)));
  CHECK_FALSE(TicketKeys::parse(std::vector<uint8_t>(80 * (limits::kTicketKeysMax + 1))));
}

}  // namespace daphnis::tls::test
