#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/tls/context.h"
#include "common/uv/log.h"

namespace daphnis::uv {

/// The files of a server's certificates.
struct TlsFiles {
  std::vector<std::string> certificates = {};
  std::vector<std::string> keys = {};  ///< The key of each certificate, in the same sequence.
  std::string ticket_keys = {};        ///< Empty: each process makes keys of its own.
  std::string l2_ca = {};              ///< The CAs of L2s; empty: they need no certificate.
};

/// What the listeners of a process begin sessions with: of one reading of the files, so that all
/// show the same certificates.
struct ServerContexts {
  std::shared_ptr<const tls::Context> for_clients = nullptr;
  /// L2s must show a certificate of TlsFiles::l2_ca. Without that it is the same as for clients.
  std::shared_ptr<const tls::Context> for_l2s = nullptr;
};

/// Reads a certificate and its key, which must be secret. Errors: those of the files.
[[nodiscard]] Result<tls::CertificateText> read_certificate_files(const std::string& chain,
                                                                  const std::string& key);
/// Reads the certificates of CAs, which are not empty. Errors: those of the file, and kMalformed.
[[nodiscard]] Result<std::string> read_ca_file(const std::string& path);
/// Reads the files and makes contexts of them. Errors: those of the files, with their paths, and
/// kInvalid where there are not as many keys as certificates.
[[nodiscard]] Result<ServerContexts> read_server_contexts(const TlsFiles& files);
/// Reads the files anew, on SIGHUP, and says in the log how that went. Nothing where any of them is
/// not good: then all go on with what they had.
[[nodiscard]] std::optional<ServerContexts> reread_server_contexts(const TlsFiles& files, Log& log);

}  // namespace daphnis::uv
