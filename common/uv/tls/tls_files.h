#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/tls/context.h"

namespace daphnis::uv {

/// The files of a server's certificates.
struct TlsFiles {
  std::vector<std::string> certificates = {};
  std::vector<std::string> keys = {};  ///< The key of each certificate, in the same sequence.
  std::string ticket_keys = {};        ///< Empty: each process makes keys of its own.
  std::string client_ca = {};          ///< The CAs of clients; empty: they need no certificate.
};

/// Reads a certificate and its key, which must be secret. Errors: those of the files.
[[nodiscard]] Result<tls::CertificateText> read_certificate_files(const std::string& chain,
                                                                  const std::string& key);
/// Reads the certificates of CAs, which are not empty. Errors: those of the file, and kMalformed.
[[nodiscard]] Result<std::string> read_ca_file(const std::string& path);
/// Reads the files and makes a server's context of them. Errors: those of the files, with their
/// paths, and kInvalid where there are not as many keys as certificates.
[[nodiscard]] Result<std::shared_ptr<const tls::Context>> read_server_context(
    const TlsFiles& files);

}  // namespace daphnis::uv
