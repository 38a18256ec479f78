#include <algorithm>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "l2/core/order.h"

namespace {

using namespace daphnis;

/// The lines of a registration stream, read whole or in parts of `step` bytes.
std::vector<std::string> lines_of(Bytes stream, size_t step) {
  l2::LineSplitter splitter;
  std::vector<std::string> lines;
  while (!stream.empty()) {
    const Bytes part = stream.first(std::min(step, stream.size()));
    splitter.feed(part, [&lines](std::string_view line) { lines.emplace_back(line); });
    stream = stream.subspan(part.size());
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes stream{data, size};
  const std::vector<std::string> lines = lines_of(stream, size + 1);
  check(lines == lines_of(stream, 1), "the lines depend on how the stream is cut");
  l2::OrderReader reader;
  for (const std::string& line : lines) {
    check(line.size() <= limits::kOrderLineBytesMax, "too long a line");
    const auto order = reader.read(line);
    if (!order) {
      const auto token = reader.read_token(line);
      check(!token || token->size() <= line.size(), "a token comes from nowhere");
      static_cast<void>(reader.read_cancel(line));
      static_cast<void>(reader.read_notice(line));
    }
    if (order && order->data_url) {
      check(order->data_url->port != 0, "a data URL without a port");
      check(order->data_url->text().size() <= limits::kDataUrlBytesMax + 8, "too long a data URL");
    }
    if (!order || !order->is_understood) continue;
    // An order that was understood holds a canonical request.
    const auto again = decode_car_request(encode(order->request));
    check(again.has_value() && *again == order->request, "a request that is not canonical");
    check(order->trace_id.size() <= limits::kRequestIdBytesMax, "too long a trace id");
  }
  return 0;
}
