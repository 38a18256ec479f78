#include "l2/core/l1_url.h"

#include <catch2/catch.hpp>

namespace daphnis::l2 {

TEST_CASE("an L1's address says its host, its port and whether TLS is spoken", "[l2]") {
  struct Case {
    std::string text;
    std::string host;
    uint16_t port;
    bool is_tls;
  };
  const Case cases[] = {{"http://edge", "edge", 80, false},
                        {"http://edge:8090/", "edge", 8090, false},
                        {"https://edge", "edge", 443, true},
                        {"https://edge/", "edge", 443, true},
                        {"https://192.0.2.1:8443", "192.0.2.1", 8443, true},
                        {"https://[2001:db8::1]", "2001:db8::1", 443, true},
                        {"http://[::1]:65535", "::1", 65535, false}};
  for (const Case& each : cases) {
    CAPTURE(each.text);
    const auto url = parse_l1_url(each.text);
    REQUIRE(url);
    CHECK(url->host == each.host);
    CHECK(url->port == each.port);
    CHECK(url->is_tls == each.is_tls);
    CHECK(*parse_l1_url(url->text()) == *url);
  }
  CHECK(parse_l1_url("http://[::1]:7")->authority() == "[::1]:7");
  CHECK(*parse_l1_url("http://edge:443") != *parse_l1_url("https://edge:443"));
}

TEST_CASE("what is no L1's address is refused", "[l2]") {
  for (const std::string text :
       {"", "edge:443", "ftp://edge", "https://", "http://", "http://:80", "https://:443",
        "https://edge:0", "https://edge:", "https://edge:65536", "https://edge:1x", "https://a b",
        "https://[::1", "http://[a]x:1", "http://user@a:1", "http://a\r\nX:1",
        "https://edge/path"}) {
    CAPTURE(text);
    const auto url = parse_l1_url(text);
    REQUIRE_FALSE(url);
    CHECK(url.error().detail.find("wanted is https://HOST:PORT or http://HOST:PORT") !=
          std::string::npos);
  }
}

}  // namespace daphnis::l2
