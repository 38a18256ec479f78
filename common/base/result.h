#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace daphnis {

/// Why something failed, in kinds few enough to switch over.
enum class Errc : uint8_t {
  kMalformed,     ///< The bytes do not follow their format.
  kTruncated,     ///< The bytes end before the format says they may.
  kTooLarge,      ///< A named limit (limits.h) would be passed.
  kUnsupported,   ///< Well formed, but a version, codec or hash we do not speak.
  kHashMismatch,  ///< The bytes do not have the digest their CID names.
  kUnexpected,    ///< Well formed, but not what had to come here.
  kNotFound,      ///< The thing asked for is not there.
  kDenied,        ///< It may not be served (common/denylist).
  kInvalid,       ///< An argument or setting is out of its range.
  kSystem,        ///< The operating system refused; `Error::sys` holds the (positive) errno.
};

/// A stable lower-case name for logs and metrics.
[[nodiscard]] std::string_view name(Errc code);

/// An error with its explanation. Hot paths return a bare `Errc`, which allocates nothing.
struct Error {
  Errc code = Errc::kInvalid;
  int sys = 0;         ///< errno (positive) where `code` is kSystem, else 0.
  std::string detail;  ///< What happened and what to do, for a person.

  /// "not_found: no such file X" with the errno's text where there is one.
  [[nodiscard]] std::string text() const;
  /// The same without the name of the code.
  [[nodiscard]] std::string detail_text() const;
};

template <class T>
using Result = std::expected<T, Error>;

/// Builds the error side of a Result.
[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string detail = {}) {
  return std::unexpected(Error{code, 0, std::move(detail)});
}

/// The error side for an errno (positive).
[[nodiscard]] inline std::unexpected<Error> fail_sys(int sys, std::string detail) {
  return std::unexpected(Error{Errc::kSystem, sys, std::move(detail)});
}

}  // namespace daphnis
