#include "l2/core/data_urls.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"

namespace daphnis::l2 {
namespace {

const L1Url kL1{.host = "edge.test", .port = 8443, .is_tls = true};

L1Url data_url(const std::string& host) {
  return {.host = host, .port = 8443, .is_tls = true};
}

}  // namespace

TEST_CASE("only names below the host of the L1 are used", "[l2][data_urls]") {
  const DataUrls urls(kL1);
  for (const char* host : {"w0.edge.test", "w0.data.edge.test", "W0.Data.EDGE.test"}) {
    CAPTURE(host);
    CHECK(urls.may_use(data_url(host), 0));
  }
  for (const char* host :
       {"edge.test.", "w0.other.test", "w0.myedge.test", "127.0.0.1", "::1", "w0", "w0.edge.test.",
        "w0.edge.test.other.test", ".edge.test", "w0..edge.test"}) {
    CAPTURE(host);
    CHECK_FALSE(urls.may_use(data_url(host), 0));
  }
  CHECK_FALSE(urls.may_use(data_url(std::string(64, 'w') + ".edge.test"), 0));
  for (const char* host : {"EDGE.test", "edge.test."}) {
    const DataUrls same({.host = host, .port = 443, .is_tls = true});
    CHECK(same.may_use(data_url("w0.edge.test"), 0));
  }
  CHECK_FALSE(
      DataUrls({.host = "::1", .port = 443, .is_tls = true}).may_use(data_url("w0.::1"), 0));
}

TEST_CASE("any port of the L1's own host is used", "[l2][data_urls]") {
  const bool is_tls = GENERATE(false, true);
  for (const char* host : {"edge.test", "localhost", "192.0.2.1", "2001:db8::1"}) {
    CAPTURE(host, is_tls);
    const DataUrls urls({.host = host, .port = 8090, .is_tls = is_tls});
    CHECK(urls.may_use({.host = host, .port = 8503, .is_tls = is_tls}, 0));
    CHECK_FALSE(urls.may_use({.host = host, .port = 8503, .is_tls = !is_tls}, 0));
    CHECK_FALSE(urls.may_use({.host = "192.0.2.2", .port = 8503, .is_tls = is_tls}, 0));
  }
  CHECK(DataUrls({.host = "Edge.Test.", .port = 8090})
            .may_use({.host = "edge.TEST", .port = 8503}, 0));
}

TEST_CASE("where one port was not reached, none of that host is used for a while",
          "[l2][data_urls]") {
  DataUrls urls(kL1);
  const L1Url one{.host = "edge.test", .port = 8503, .is_tls = true};
  const L1Url two{.host = "edge.test", .port = 8504, .is_tls = true};
  CHECK(urls.hosts_of(one) == "edge.test");
  CHECK(urls.hosts_of(data_url("w0.data.edge.test")) == "*.data.edge.test");
  CHECK(urls.on_unreachable(one, 0));
  CHECK_FALSE(urls.may_use(two, limits::kDataUrlAvoidMs - 1));
  CHECK(urls.may_use(data_url("w0.edge.test"), 0));
  CHECK(urls.may_use(two, limits::kDataUrlAvoidMs));
}

TEST_CASE("TLS is spoken with the L1 and at the URL, or it is not used", "[l2][data_urls]") {
  const DataUrls plain({.host = "edge.test", .port = 8090});
  CHECK_FALSE(plain.may_use(data_url("w0.edge.test"), 0));
  CHECK_FALSE(plain.may_use({.host = "w0.edge.test", .port = 8503}, 0));
  CHECK_FALSE(DataUrls(kL1).may_use({.host = "w0.edge.test", .port = 8443}, 0));
}

TEST_CASE("why data URLs of an L1 are never used is told once", "[l2][data_urls]") {
  const auto told = [](const L1Url& l1, const L1Url& url) {
    DataUrls urls(l1);
    const std::string why(urls.news_of_unused(url));
    CHECK(urls.news_of_unused(url).empty());
    CHECK(urls.may_use(url, 0) == why.empty());
    return why;
  };
  const L1Url used = data_url("w0.edge.test");
  CHECK(told(kL1, used).empty());
  CHECK(told(kL1, data_url("w0.other.test")) ==
        "its name is not below the one by which the L1 is dialled");
  CHECK(told(kL1, data_url("w0..edge.test")) == "it names no host");
  CHECK(told(kL1, {.host = "w0.edge.test", .port = 8443}) == "TLS is not spoken there");
  CHECK(told({.host = "edge.test", .port = 8090}, used) == "TLS is not spoken with the L1");
  CHECK(told({.host = "edge.test", .port = 8090}, {.host = "w0.edge.test", .port = 8503}) ==
        "it is on another host than the L1");
  for (const char* address : {"192.0.2.1", "2001:db8::1"}) {
    const L1Url by_address{.host = address, .port = 8443, .is_tls = true};
    for (const std::string& host : {std::string("w0.edge.test"), "w0." + by_address.host}) {
      CHECK(told(by_address, data_url(host)) ==
            "the L1 is dialled by its address, and no name is below that");
    }
  }
}

TEST_CASE("that a URL is left out for a while is not told as one that is never used",
          "[l2][data_urls]") {
  DataUrls urls(kL1);
  CHECK(urls.on_unreachable(data_url("w0.data.edge.test"), 0));
  CHECK_FALSE(urls.may_use(data_url("w0.data.edge.test"), 0));
  CHECK(urls.news_of_unused(data_url("w0.data.edge.test")).empty());
}

TEST_CASE("names beside one that was not reached are left out for a while", "[l2][data_urls]") {
  DataUrls urls(kL1);
  CHECK(urls.on_unreachable(data_url("w0.data.edge.test"), 1'000));
  const uint64_t end = 1'000 + limits::kDataUrlAvoidMs;
  CHECK_FALSE(urls.may_use(data_url("w0.data.edge.test"), 1'000));
  CHECK_FALSE(urls.may_use(data_url("w1.DATA.edge.test"), end - 1));
  CHECK(urls.may_use(data_url("w0.elsewhere.edge.test"), 1'000));
  CHECK(urls.may_use(data_url("w1.data.edge.test"), end));
}

TEST_CASE("that a name was not reached is news once in that time, and lengthens it no more",
          "[l2][data_urls]") {
  DataUrls urls(kL1);
  CHECK(urls.on_unreachable(data_url("w0.data.edge.test"), 0));
  CHECK_FALSE(urls.on_unreachable(data_url("w1.data.edge.test"), limits::kDataUrlAvoidMs - 1));
  CHECK(urls.may_use(data_url("w0.data.edge.test"), limits::kDataUrlAvoidMs));
  CHECK(urls.on_unreachable(data_url("w1.data.edge.test"), limits::kDataUrlAvoidMs));
}

TEST_CASE("of more domains than are remembered the one whose time ends first is forgotten",
          "[l2][data_urls]") {
  DataUrls urls(kL1);
  const auto one_of = [](uint64_t n) {
    return data_url("w0.d" + std::to_string(n) + ".edge.test");
  };
  const uint64_t last = limits::kDataDomainsMax;
  for (uint64_t n = 0; n <= last; ++n) CHECK(urls.on_unreachable(one_of(n), last - n));
  CHECK_FALSE(urls.may_use(one_of(0), last));
  CHECK(urls.may_use(one_of(last - 1), last));  // It was the earliest when the last one came.
  CHECK_FALSE(urls.may_use(one_of(last), last));
}

}  // namespace daphnis::l2
