#include <string>

#include "broker/auth/l2_auth.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/base/slice.h"

/// Reads bytes as an Authorization field, as a token, and as each of the files that say who may be
/// an L2: a token is what its parts say, nobody gets in by a text that we did not make, and no file
/// makes a token good that its secrets do not make.
namespace {

using namespace daphnis;          // NOLINT(google-build-using-namespace)
using namespace daphnis::broker;  // NOLINT(google-build-using-namespace)

constexpr uint64_t kNow = 1'800'000'000;

/// Nobody can guess it, so no input has a right MAC.
TokenSecrets secrets() {
  return *TokenSecrets::parse("a secret that no input will ever make a MAC by");
}

void read_token(const std::string& text) {
  const auto token = parse_l2_token(text);
  if (!token) return;
  check(text.size() <= limits::kL2TokenBytesMax, "a token is too long");
  check(is_name(token->id), "a token is for what is no id");
  const std::string again =
      std::string(token->id) + "." + std::to_string(token->until_s) + "." + std::string(token->mac);
  check(again == text, "a token has two spellings");
  check(!secrets().verify(*token), "a MAC was guessed");
}

void read_files(const std::string& text) {
  const auto any = L2List::parse(text, L2List::Lines::kIdsAndTokens);
  const auto ids = L2List::parse(text, L2List::Lines::kIds);
  check(any.has_value() == ids.has_value(), "the hash of a token is an id as well");
  const auto read = TokenSecrets::parse(text);
  if (!read) return;
  const std::string made = read->mint("home", kNow + 1);
  check(read->verify(*parse_l2_token(made)) == read->first(), "a secret denies its own token");
  check(!secrets().verify(*parse_l2_token(made)), "two secrets make one MAC");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(as_text(Bytes(data, size)));
  read_token(text);
  const auto auth = L2Auth::by_token(secrets(), 90);
  check(!auth.judge("home", &text, kNow), "a text that we did not make lets its sender in");
  read_files(text);
  return 0;
}
