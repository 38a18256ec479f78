#include "l2/core/tls_advice.h"

namespace daphnis::l2 {
namespace {

/// True where these are the first bytes of a record with an alert (RFC 8446, section 5.1), which is
/// how many servers answer what is no TLS.
bool is_alert(Bytes first) {
  return first.size() >= 2 && first[0] == 21 && first[1] == 3;
}

}  // namespace

std::string advice_for(tls::Fault fault, const L1Url& l1) {
  switch (fault) {
    case tls::Fault::kNotTrusted:
      return "ask the operator of that edge for the certificate of its CA, and name its file by "
             "--ca";
    case tls::Fault::kWrongName:
      return "--l1 must name the edge as its certificate does";
    case tls::Fault::kOutOfDate:
      return "see that the clock of this machine is right; else the operator of that edge must "
             "renew its certificate";
    case tls::Fault::kNotTls:
      return "is that the port in plain text? --l1 takes http://" + l1.authority() +
             ", or https:// with the port that daphnis-broker's --l2-tls-listen names";
    case tls::Fault::kCertificateWanted:
      return "ask the operator of that edge for a certificate, and name its files by --cert and "
             "--key";
    case tls::Fault::kCertificateRefused:
      return "ask the operator of that edge for a new certificate, and name its files by --cert "
             "and --key";
    case tls::Fault::kNone:
    case tls::Fault::kOther:
      return {};
  }
  return {};
}

std::string advice_for_no_http(Bytes first, const L1Url& l1) {
  const std::string instead = "https://" + l1.authority();
  if (is_alert(first)) return "that port speaks TLS: --l1 " + instead;
  if (first.empty()) return "if that port speaks TLS: --l1 " + instead;
  return {};
}

std::string advice_for_data_url(tls::Fault fault, const std::string& hosts, uint16_t port) {
  switch (fault) {
    case tls::Fault::kNotTrusted:
    case tls::Fault::kWrongName:
    case tls::Fault::kOutOfDate:
      return "deliveries go by the L1's own port meanwhile; its operator must give broker and "
             "workers a good certificate for " +
             hosts + ", by the CA that signed the L1's own";
    case tls::Fault::kNone:
      return "deliveries go by the L1's own port meanwhile; see that " + hosts +
             " leads to the L1 here, and that its port " + std::to_string(port) +
             " can be reached, or ask its operator";
    default:
      return "deliveries go by the L1's own port meanwhile; ask its operator";
  }
}

}  // namespace daphnis::l2
