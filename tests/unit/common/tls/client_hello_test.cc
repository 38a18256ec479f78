#include "common/tls/client_hello.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

#include "common/base/limits.h"
#include "tests/fakes/hellos.h"

namespace daphnis::tls::test {
namespace {

/// What a look finds, as text: the name, "none", "no hello" or "more".
std::string found(std::string_view bytes) {
  const HelloLook look = look_at_client_hello(as_bytes(bytes));
  switch (look.found) {
    case HelloLook::Found::kNeedMore:
      return "more";
    case HelloLook::Found::kName:
      return look.name;
    case HelloLook::Found::kNoName:
      return "none";
    case HelloLook::Found::kNoHello:
      CHECK_FALSE(look.problem.empty());
      return "no hello";
  }
  return "";
}

/// The number of looks that a connection needs which shows just as much as each look wants.
size_t looks(std::string_view bytes) {
  size_t count = 1;
  size_t seen = 1;
  HelloLook look = look_at_client_hello(as_bytes(bytes.substr(0, seen)));
  for (; look.found == HelloLook::Found::kNeedMore; ++count) {
    REQUIRE(look.needed_bytes > seen);
    REQUIRE(look.needed_bytes <= bytes.size());
    seen = look.needed_bytes;
    look = look_at_client_hello(as_bytes(bytes.substr(0, seen)));
  }
  return count;
}

std::string list_of(std::string_view names) {
  return extension(0, vector(names, 2));
}

std::string host(std::string_view name) {
  return number(0, 1) + vector(name, 2);
}

}  // namespace

TEST_CASE("a ClientHello names its server, wherever its records and what is seen of it are cut",
          "[common][tls]") {
  const std::string message =
      hello_with(extension(10, "xx") + server_name("w3-1f.Edge.Example") + extension(16, "yyy"));
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{4}, size_t{44}, size_t{16'384}}) {
    CAPTURE(piece);
    const std::string hello = records(message, piece);
    CHECK(found(hello) == "w3-1f.edge.example");
    CHECK(found(hello + "what follows") == "w3-1f.edge.example");
    for (size_t size = 0; size < hello.size(); ++size) {
      const HelloLook look =
          look_at_client_hello(as_bytes(std::string_view(hello).substr(0, size)));
      CAPTURE(size);
      REQUIRE(look.found == HelloLook::Found::kNeedMore);
      REQUIRE(look.needed_bytes > size);
      REQUIRE(look.needed_bytes <= hello.size());
    }
  }
}

TEST_CASE("a ClientHello in one record takes three looks, and one in the smallest records few",
          "[common][tls]") {
  CHECK(looks(hello_for("edge.example")) <= 3);
  CHECK(looks(hello_for("edge.example", limits::kClientHelloBytesMax)) <= 3);
  const std::string message = hello_with(server_name(std::string(200, 'a') + ".x"));
  // 63 bytes of a label at most: it is refused once it is there, not before.
  CHECK(found(records(message, 1)) == "no hello");
  const std::string large = hello_with(extension(21, std::string(2'500, '\0')));
  CHECK(looks(records(large, 1)) < 60);
}

TEST_CASE("a server name has one form", "[common][tls]") {
  const auto [name, form] = GENERATE(table<std::string, std::string>({
      {"edge.example", "edge.example"},
      {"EDGE.Example", "edge.example"},
      {"edge.example.", "edge.example"},
      {"w0-4f_2.edge", "w0-4f_2.edge"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example"},
      {"localhost", "localhost"},
      {"192.0.2.1", "192.0.2.1"},
      {std::string(63, 'a') + ".b", std::string(63, 'a') + ".b"},
      {std::string(64, 'a') + ".b", "no hello"},
      {"", "no hello"},
      {".", "no hello"},
      {".edge", "no hello"},
      {"edge..example", "no hello"},
      {"edge.example..", "no hello"},
      {"edge example", "no hello"},
      {std::string("edge\0example", 12), "no hello"},
      {"2001:db8::1", "no hello"},
      {"b\xc3\xbc"
       "cher.example",
       "no hello"},
  }));
  CAPTURE(name);
  CHECK(found(records(hello_with(server_name(name)))) == form);
}

TEST_CASE("a server name has at most 253 bytes", "[common][tls]") {
  std::string name;
  while (name.size() < 252) name += "a.";
  name += "a";
  CHECK(name.size() == 253);
  CHECK(found(hello_for(name)) == name);
  CHECK(found(hello_for(name + ".")) == name);
  CHECK(found(hello_for("a" + name)) == "no hello");
}

TEST_CASE("a ClientHello may name no server", "[common][tls]") {
  CHECK(found(records(hello_with(std::nullopt))) == "none");
  CHECK(found(records(hello_with(""))) == "none");
  CHECK(found(records(hello_with(extension(43, "x")))) == "none");
  // A name of a type that nobody has defined yet.
  CHECK(found(records(hello_with(list_of(number(7, 1) + vector("x", 2))))) == "none");
  CHECK(found(records(hello_with(list_of(number(7, 1) + vector("x", 2) + host("a.b"))))) == "a.b");
}

TEST_CASE("a malformed ClientHello is none", "[common][tls]") {
  const std::string good = hello_with(server_name("a.b"));
  const auto patched = [&](size_t at, char byte) {
    std::string message = good;
    message[at] = byte;
    return records(message);
  };
  constexpr size_t kVersionAt = 4;
  constexpr size_t kSessionIdAt = kVersionAt + 2 + 32;
  constexpr size_t kSuitesAt = kSessionIdAt + 33;
  CHECK(found(patched(kVersionAt, 2)) == "no hello");
  CHECK(found(patched(kSessionIdAt, 33)) == "no hello");
  CHECK(found(patched(kSuitesAt + 1, 0)) == "no hello");
  CHECK(found(patched(kSuitesAt + 1, 3)) == "no hello");
  CHECK(found(patched(kSuitesAt, 1)) == "no hello");
  CHECK(found(records(hello_with(server_name("a.b") + server_name("a.b")))) == "no hello");
  CHECK(found(records(hello_with(list_of(host("a.b") + host("c.d"))))) == "no hello");
  CHECK(found(records(hello_with(list_of("")))) == "no hello");
  CHECK(found(records(hello_with(list_of(host("a.b") + "x")))) == "no hello");
  CHECK(found(records(hello_with(extension(0, vector(host("a.b"), 2) + "x")))) == "no hello");
  CHECK(found(records(hello_with(extension(0, "")))) == "no hello");
  CHECK(found(records(hello_with(server_name("a.b") + "x"))) == "no hello");
  CHECK(found(records(hello_with(number(43, 2) + number(5, 2) + "x"))) == "no hello");
  const std::string longer = good.substr(4) + "x";
  CHECK(found(records(number(1, 1) + vector(longer, 3))) == "no hello");
  CHECK(found(records(number(1, 1) + vector(good.substr(4, 60), 3))) == "no hello");
}

TEST_CASE("what is no TLS is known by its first bytes", "[common][tls]") {
  CHECK(found("") == "more");
  CHECK(found("\x16") == "more");
  CHECK(found("\x16\x03\x01") == "more");
  CHECK(found("G") == "no hello");
  CHECK(found("GET / HTTP/1.1\r\n\r\n") == "no hello");
  CHECK(found("\x16\x02") == "no hello");
  CHECK(found("\x80\x2e\x01\x03\x01") == "no hello");                      // SSL 2
  CHECK(found(std::string("\x15\x03\x01\0\x02\x01\0", 7)) == "no hello");  // an alert
  CHECK(found(std::string("\x16\x03\x01\0\0", 5)) == "no hello");          // an empty record
  CHECK(found(std::string("\x16\x03\x01\x40\x01", 5)) == "no hello");      // 16,385 bytes
  CHECK(found(std::string("\x16\x03\x01\0\x01\x02", 6)) == "no hello");    // a ServerHello
  CHECK(found(records(hello_with(server_name("a.b")), 20) + "x") == "a.b");
  std::string second = records(hello_with(server_name("a.b")), 40);
  second[45] = 23;  // Data of an application, where the second record should be.
  CHECK(found(second) == "no hello");
}

TEST_CASE("a ClientHello has at most 16 KiB with its records, and a longer one is known early",
          "[common][tls]") {
  const std::string longest = hello_for("edge.example", limits::kClientHelloBytesMax);
  REQUIRE(longest.size() == limits::kClientHelloBytesMax);
  CHECK(found(longest) == "edge.example");
  const std::string longer = hello_for("edge.example", limits::kClientHelloBytesMax + 1);
  CHECK(found(longer.substr(0, 8)) == "more");
  CHECK(found(longer.substr(0, 9)) == "no hello");
  // The heads of further records count.
  const std::string message = longest.substr(5);
  CHECK(found(records(message, 16'000)) == "no hello");
  CHECK(found(records(message, 16'000).substr(0, 9)) == "no hello");
}

}  // namespace daphnis::tls::test
