#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/slice.h"
#include "common/denylist/deny_table.h"
#include "common/denylist/denylist_parser.h"

/// Reads bytes as a .deny file, whole and in two pieces: both give the same rules, and the table
/// made of them answers.
namespace {

using namespace daphnis;  // NOLINT(google-build-using-namespace)

struct ListRead {
  std::vector<uint64_t> words;
  std::string error;
  uint64_t rules = 0;
};

ListRead read(std::string_view text, size_t first) {
  DenyTableWriter writer;
  DenylistParser parser(writer);
  auto done = parser.on_text(text.substr(0, first));
  if (done) done = parser.on_text(text.substr(first));
  if (done) done = parser.on_end();
  ListRead out;
  if (!done) {
    out.error = done.error().detail;
    return out;
  }
  out.rules = parser.counts().rules;
  out.words.resize(writer.bytes() / sizeof(uint64_t));
  writer.write({reinterpret_cast<uint8_t*>(out.words.data()), writer.bytes()}, 1);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text(Bytes(data, size));
  const ListRead whole = read(text, text.size());
  const ListRead halves = read(text, text.size() / 2);
  check(whole.error == halves.error && whole.words == halves.words, "a split changes the rules");
  if (!whole.error.empty()) return 0;
  const auto table = DenyTable::open(
      {reinterpret_cast<const uint8_t*>(whole.words.data()), whole.words.size() * 8});
  check(table.has_value(), "a table that was written cannot be opened");
  check((table->rules() == 0) == (whole.rules == 0), "rules are lost");
  const Cid root = *Cid::from_text("QmdWFA9FL52hx3j9EJZPQP1ZUH8Ygi5tLCX2cRDs6knSf8");
  const std::vector<std::string> path{"a", "b"};
  const DenyVerdict verdict = table->judge(root, path);
  check(!verdict.denial || !verdict.is_excepted, "a path is denied and excepted");
  check(!verdict.denial || verdict.denial->rule > 0, "a denial has no rule");
  return 0;
}
