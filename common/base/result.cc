#include "common/base/result.h"

#include <cstring>

namespace daphnis {

std::string_view name(Errc code) {
  switch (code) {
    case Errc::kMalformed:
      return "malformed";
    case Errc::kTruncated:
      return "truncated";
    case Errc::kTooLarge:
      return "too_large";
    case Errc::kUnsupported:
      return "unsupported";
    case Errc::kHashMismatch:
      return "hash_mismatch";
    case Errc::kUnexpected:
      return "unexpected";
    case Errc::kDenied:
      return "denied";
    case Errc::kNotFound:
      return "not_found";
    case Errc::kInvalid:
      return "invalid";
    case Errc::kSystem:
      return "system";
  }
  return "unknown";
}

std::string Error::text() const {
  const std::string said = detail_text();
  return std::string(name(code)) + (said.empty() ? "" : ": " + said);
}

std::string Error::detail_text() const {
  std::string out = detail;
  if (sys != 0) out.append(out.empty() ? "" : ": ").append(std::strerror(sys));
  return out;
}

}  // namespace daphnis
