#pragma once

#include <string>
#include <vector>

#include "broker/uv/shell.h"
#include "common/uv/settings_reader.h"

namespace daphnis::broker::uv {

/// Adds the addresses for L2s and what TLS there needs. `trust_proxy` gets the ranges of the
/// proxies that are believed. Both must outlive the reader.
void add_l2_listen_options(daphnis::uv::SettingsReader& reader, ShellSettings& settings,
                           std::vector<std::string>& trust_proxy);

}  // namespace daphnis::broker::uv
