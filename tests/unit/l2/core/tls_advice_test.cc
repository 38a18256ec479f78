#include "l2/core/tls_advice.h"

#include <catch2/catch.hpp>

#include "tests/unit/l2/core/session_rig.h"

namespace daphnis::l2 {
namespace {

const L1Url kL1{.host = "edge.test", .port = 8443, .is_tls = true};

bool mentions(const std::string& advice, std::string_view what) {
  return advice.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("what can be done about a failed TLS session is said by the flag's name", "[l2]") {
  CHECK(mentions(advice_for(tls::Fault::kNotTrusted, kL1), "--ca"));
  CHECK(mentions(advice_for(tls::Fault::kWrongName, kL1), "--l1"));
  CHECK(mentions(advice_for(tls::Fault::kOutOfDate, kL1), "clock"));
  CHECK(mentions(advice_for(tls::Fault::kNotTls, kL1), "http://edge.test:8443"));
  CHECK(mentions(advice_for(tls::Fault::kCertificateWanted, kL1), "--cert and --key"));
  CHECK(mentions(advice_for(tls::Fault::kCertificateRefused, kL1), "--cert and --key"));
  CHECK(advice_for(tls::Fault::kNone, kL1).empty());
  CHECK(advice_for(tls::Fault::kOther, kL1).empty());
}

TEST_CASE("what can be done about a data URL names its hosts and port, and what happens meanwhile",
          "[l2]") {
  const auto advice = [](tls::Fault fault) {
    return advice_for_data_url(fault, "*.data.test", 8503);
  };
  CHECK(mentions(advice(tls::Fault::kWrongName), "certificate for *.data.test"));
  CHECK(mentions(advice(tls::Fault::kOutOfDate), "certificate for *.data.test"));
  CHECK(mentions(advice(tls::Fault::kNotTrusted), "by the CA that signed the L1's own"));
  CHECK(mentions(advice(tls::Fault::kNone), "*.data.test leads to the L1"));
  CHECK(mentions(advice(tls::Fault::kNone), "port 8503"));
  CHECK(mentions(advice(tls::Fault::kOther), "the L1's own port"));
}

TEST_CASE("an L1 that answers plain text by TLS, or by nothing, is asked for https", "[l2]") {
  const std::string alert("\x15\x03\x01\x00\x02\x02\x46", 7);
  CHECK(advice_for_no_http(as_bytes(alert), kL1) ==
        "that port speaks TLS: --l1 https://edge.test:8443");
  CHECK(advice_for_no_http({}, kL1) == "if that port speaks TLS: --l1 https://edge.test:8443");
  const std::string reply = "HTTP/1.1 200 OK\r\n";
  CHECK(advice_for_no_http(as_bytes(reply), kL1).empty());
}

TEST_CASE("what can be done about a connection that was not made is in the log", "[l2]") {
  test::SessionRig rig;
  rig.session.start(rig.now);
  rig.session.on_registration_lost("no TLS", rig.now, "try this");
  rig.collect();
  REQUIRE(rig.logged.size() == 1);
  CHECK(mentions(rig.logged[0], "why=\"no TLS\""));
  CHECK(mentions(rig.logged[0], "advice=\"try this\""));
}

}  // namespace daphnis::l2
