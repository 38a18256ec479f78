#include "common/tls/openssl.h"

#include <openssl/err.h>

#include "common/base/check.h"

namespace daphnis::tls {

BioPtr reader_of(std::string_view text) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  check(bio != nullptr, "there is no memory");
  return bio;
}

std::string take_error(std::string_view otherwise) {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason != nullptr ? reason : std::string(otherwise);
}

}  // namespace daphnis::tls
