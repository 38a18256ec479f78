#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "common/uv/settings_reader.h"
#include "common/uv/tls/tls_files.h"

namespace daphnis::uv {

/// Adds `--tls-cert`, `--tls-key` and `--tls-ticket-keys`, which must outlive the reader. Returns
/// the first, which an address to listen on with TLS needs.
CLI::Option* add_tls_files(SettingsReader& reader, TlsFiles& files);
/// Adds `--l2-client-ca`, which must outlive the reader.
CLI::Option* add_l2_client_ca(SettingsReader& reader, std::string& file);

}  // namespace daphnis::uv
