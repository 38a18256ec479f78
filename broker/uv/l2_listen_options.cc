#include "broker/uv/l2_listen_options.h"

#include <utility>

#include "broker/base/data_addresses.h"
#include "common/tls/client_hello.h"
#include "common/uv/tls/tls_options.h"

namespace daphnis::broker::uv {
namespace {

/// Makes it the form that names have in ClientHellos.
CLI::Validator data_name() {
  return {[](std::string& text) {
            auto name = tls::read_host_name(text);
            if (!name || name->size() > kDataNameBytesMax) {
              return std::string("it is no host name, or leaves workers no room for theirs");
            }
            text = std::move(*name);
            return std::string();
          },
          "NAME"};
}

}  // namespace

void add_l2_listen_options(daphnis::uv::SettingsReader& reader, ShellSettings& settings,
                           std::vector<std::string>& trust_proxy) {
  reader.add_address("l2-listen", settings.l2_listen, 0,
                     "Address for L2s; may be repeated. --l2-auth says who may register there");
  CLI::Option* trust = reader.add_ranges(
      "trust-proxy", trust_proxy,
      "Proxies in front that are believed when they say for whom they ask; may be repeated");
  reader
      .add_address(
          "l2-proxy-listen", settings.l2_proxy_listen, 0,
          "Address for L2s behind those proxies, with a PROXY header before the first byte")
      ->needs(trust);
  CLI::Option* certificate = daphnis::uv::add_tls_files(reader, settings.tls);
  CLI::Option* tls = reader
                         .add_address("l2-tls-listen", settings.l2_tls_listen, 0,
                                      "Address for L2s that speak TLS (https); may be repeated")
                         ->needs(certificate);
  daphnis::uv::add_l2_client_ca(reader, settings.tls.l2_ca)->needs(certificate);
  reader
      .add("l2-data-name", settings.l2_data_name,
           "Name below which each worker has one of its own, where L2s deliver to it over TLS")
      ->needs(tls)
      ->check(data_name());
}

}  // namespace daphnis::broker::uv
