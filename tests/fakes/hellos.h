#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

/// ClientHellos, made field by field.
namespace daphnis::tls::test {

/// A number of `size` bytes, the highest first.
inline std::string number(size_t value, size_t size) {
  std::string out(size, '\0');
  for (size_t i = size; i > 0; --i, value >>= 8) out[i - 1] = static_cast<char>(value & 0xff);
  return out;
}

/// `content` behind its length.
inline std::string vector(std::string_view content, size_t length_bytes) {
  return number(content.size(), length_bytes).append(content);
}

inline std::string extension(size_t type, std::string_view content) {
  return number(type, 2) + vector(content, 2);
}

/// The extension that names this host.
inline std::string server_name(std::string_view host) {
  return extension(0, vector(number(0, 1) + vector(host, 2), 2));
}

/// The message, with its head; no block of extensions where there is no text for one.
inline std::string hello_with(const std::optional<std::string>& extensions) {
  const std::string body = number(0x303, 2) + std::string(32, 'r') +
                           vector(std::string(32, 's'), 1) +
                           vector(number(0x1301, 2) + number(0x1302, 2), 2) +
                           vector(number(0, 1), 1) + (extensions ? vector(*extensions, 2) : "");
  return number(1, 1) + vector(body, 3);
}

/// The message in records of at most `piece` bytes.
inline std::string records(std::string_view message, size_t piece = 16'384) {
  std::string out;
  for (size_t at = 0; at < message.size(); at += piece) {
    out += number(22, 1) + number(0x301, 2) + vector(message.substr(at, piece), 2);
  }
  return out;
}

/// A whole ClientHello for this host, of `size` bytes where it is less without padding.
inline std::string hello_for(std::string_view host, size_t size = 0) {
  const std::string rest = extension(43, number(0x020304, 3)) + server_name(host);
  const std::string bare = records(hello_with(rest));
  if (size < bare.size() + 4) return bare;
  return records(hello_with(extension(21, std::string(size - bare.size() - 4, '\0')) + rest));
}

}  // namespace daphnis::tls::test
