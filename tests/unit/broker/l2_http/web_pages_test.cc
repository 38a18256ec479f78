#include "broker/l2_http/web_pages.h"

#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

const std::string kRoot = cid_number(42).text();

/// The requests that the port knows, and one that it does not.
const std::vector<std::string> kRequests = {"GET /register/x", "POST /data/" + kRoot,
                                            "POST /holdings/home", "GET /elsewhere"};

ConnId ask(Rig& rig, const std::string& request, const std::string& fields) {
  const ConnId conn = rig.connect();
  rig.send(conn, request + " HTTP/1.1\r\nHost: l1\r\n" + fields + "Content-Length: 0\r\n\r\n");
  return conn;
}

}  // namespace

TEST_CASE("what a web page makes a browser send is refused on every path", "[broker][web_pages]") {
  Rig rig;
  rig.register_l2("home", "?v=2");
  const std::string fields =
      GENERATE("Origin: https://evil.example\r\n", "origin: null\r\n", "Origin:\r\n",
               "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n",
               "Sec-Fetch-Site: none\r\nOrigin: https://evil.example\r\n",
               // An image in a page, over plain HTTP.
               "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0\r\nAccept: image/*\r\n");
  for (const std::string& request : kRequests) {
    CAPTURE(request, fields);
    const ConnId conn = ask(rig, request, fields);
    CHECK(rig.status(conn) == 403);
    CHECK(rig.conns[conn].out.find("not_for_web_pages") != std::string::npos);
    CHECK(rig.conns[conn].is_shut);
  }
  CHECK(rig.broker.registrations().registry().size() == 1);
  CHECK(rig.broker.counters().web_pages_refused == kRequests.size());
}

TEST_CASE("who is no browser is no web page", "[broker][web_pages]") {
  Rig rig;
  const std::string fields =
      GENERATE("", "Sec-Fetch-Site: none\r\n", "User-Agent: Go-http-client/1.1\r\n",
               "User-Agent: curl/7.88.1\r\n");
  CHECK(rig.status(ask(rig, "GET /register/x", fields)) == 200);
}

TEST_CASE("web pages of listed origins are let through", "[broker][web_pages]") {
  Settings settings;
  settings.l2_origins = {"https://good.example", "http://localhost:8000"};
  Rig rig(settings);
  CHECK(rig.status(ask(rig, "GET /register/a",
                       "Origin: https://good.example\r\nSec-Fetch-Site: cross-site\r\n"
                       "User-Agent: Mozilla/5.0\r\n")) == 200);
  CHECK(rig.status(ask(rig, "GET /register/b", "Origin: http://LOCALHOST:8000\r\n")) == 200);
  CHECK(rig.status(ask(rig, "GET /register/c", "Origin: https://good.example:444\r\n")) == 403);
  CHECK(rig.status(ask(rig, "GET /register/c",
                       "Origin: https://good.example\r\nOrigin: https://evil.example\r\n")) == 403);
  CHECK(rig.status(ask(rig, "GET /register/c", "Sec-Fetch-Site: cross-site\r\n")) == 403);
}

TEST_CASE("only origins can be listed", "[broker][web_pages]") {
  CHECK(is_origin("https://good.example"));
  CHECK(is_origin("http://[2001:db8::1]:8000"));
  CHECK_FALSE(is_origin("good.example"));
  CHECK_FALSE(is_origin("null"));
  CHECK_FALSE(is_origin("*"));
  CHECK_FALSE(is_origin("https://good.example/"));
  CHECK_FALSE(is_origin("https://*.example"));
  CHECK_FALSE(is_origin("https://"));
  CHECK_FALSE(is_origin("://x"));
}

}  // namespace daphnis::broker
