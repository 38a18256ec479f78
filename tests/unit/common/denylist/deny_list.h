#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/denylist/deny_table.h"
#include "common/denylist/denylist_parser.h"

namespace daphnis::test {

/// A list that was read from these files' texts, with the memory of its table.
class ListOf {
 public:
  explicit ListOf(const std::vector<std::string>& files, DenylistId id = 7) {
    DenyTableWriter writer;
    for (const std::string& text : files) {
      writer.begin_file(lines_);
      DenylistParser parser(writer);
      error = parser.on_text(text);
      if (error) error = parser.on_end();
      lines_ += parser.lines();
      counts.add(parser.counts());
      if (!error) return;
    }
    words_.resize(writer.bytes() / sizeof(uint64_t));
    const std::span<uint8_t> bytes{reinterpret_cast<uint8_t*>(words_.data()), writer.bytes()};
    writer.write(bytes, id);
    table_ = std::make_unique<DenyTable>(*DenyTable::open(bytes));
  }

  const DenyTable& operator*() const { return *table_; }
  const DenyTable* operator->() const { return table_.get(); }

  Result<void> error;
  DenylistCounts counts;

 private:
  std::vector<uint64_t> words_;
  std::unique_ptr<DenyTable> table_;
  uint32_t lines_ = 0;
};

}  // namespace daphnis::test
